T := .tools/bin
V := .venv/bin

proto: .tools/ok
	$(T)/python -m grpc_tools.protoc -Iproto \
	  --plugin=protoc-gen-mypy=$(T)/protoc-gen-mypy --plugin=protoc-gen-mypy_grpc=$(T)/protoc-gen-mypy_grpc \
	  --python_out=clients/python --grpc_python_out=clients/python \
	  --mypy_out=clients/python --mypy_grpc_out=clients/python proto/grantd/v1/*.proto
