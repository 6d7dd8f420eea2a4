"""GovernanceService: each method unpacks, does its act, packs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from grantd.v1 import governance_pb2 as pb
from grantd_server.administration import applying, blocks, chains, versions
from grantd_server.refusals import Reason, Refused
from grantd_server.rpc.administration.governed import KINDS, applied_of, block_of, bundle_of, diff_of
from grantd_server.rpc.administration.pages import after, page_of, token_of
from grantd_server.rpc.administration.uploads import read_upload
from grantd_server.store import Withdrawal

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from grantd_server.administration.desk import Desk
    from grantd_server.flows.road.call import Call
    from grantd_server.rpc.chain.edge import Handler, StreamHandler

PIECE = 64 * 1024
"""Bytes of a document in one message."""


def governance_handlers(desk: Desk) -> Mapping[str, Handler | StreamHandler]:
    """The handlers of GovernanceService but Simulate's, by method name."""

    async def apply_bundle(messages: AsyncIterator[pb.ApplyBundleRequest], call: Call) -> pb.ApplyBundleResponse:
        options, files = await read_upload(messages)
        expected = options.expected_epoch if options.HasField("expected_epoch") else None
        asked = applying.Asked(options.dry_run, options.force, expected, options.reason, options.replay_since)
        return applied_of(await applying.apply(desk, call, asked, files))

    async def list_bundles(message: pb.ListBundlesRequest, call: Call) -> pb.ListBundlesResponse:  # noqa: ARG001
        size = page_of(message.page_size)
        start = after(message.page_token)
        found = await desk.store.bundles(size + 1, "" if start is None else start[1])
        active = await versions.in_force(desk)
        listed = [bundle_of(each, active.version) for each in found[:size]]
        more = token_of(found[size - 1].written, found[size - 1].version) if len(found) > size else ""
        return pb.ListBundlesResponse(bundles=listed, next_page_token=more, epoch=active.epoch)

    async def get_bundle(message: pb.GetBundleRequest, call: Call) -> AsyncIterator[pb.GetBundleResponse]:  # noqa: ARG001
        version, document = await versions.document_of(desk, message.version)
        epoch = (await versions.in_force(desk)).epoch
        for start in range(0, len(document), PIECE):
            yield pb.GetBundleResponse(version=version, document=document[start : start + PIECE], epoch=epoch)

    async def diff_bundles(message: pb.DiffBundlesRequest, call: Call) -> pb.DiffBundlesResponse:  # noqa: ARG001
        older, before = await versions.document_of(desk, message.from_version)
        newer, after_it = await versions.document_of(desk, message.to_version)
        found = await versions.difference(before, after_it, desk.clock())
        return pb.DiffBundlesResponse(diff=diff_of(older, newer, found))

    async def activate_bundle(message: pb.ActivateBundleRequest, call: Call) -> pb.ActivateBundleResponse:
        expected = message.expected_epoch if message.HasField("expected_epoch") else None
        done = await versions.activate(desk, call, message.version, expected, message.reason)
        return pb.ActivateBundleResponse(epoch=done.epoch, changed=done.changed, faults=done.faults)

    async def block(message: pb.BlockRequest, call: Call) -> pb.BlockResponse:
        until = message.until or None
        wanted = Withdrawal(_kind(message.kind), message.name, message.reason, until)
        await blocks.block(desk, call, wanted, unlisted=message.unlisted)
        return pb.BlockResponse()

    async def unblock(message: pb.UnblockRequest, call: Call) -> pb.UnblockResponse:
        await blocks.unblock(desk, call, _kind(message.kind), message.name, message.reason)
        return pb.UnblockResponse()

    async def list_blocks(message: pb.ListBlocksRequest, call: Call) -> pb.ListBlocksResponse:  # noqa: ARG001
        size, start = page_of(message.page_size), after(message.page_token)
        number = start[0] if start else 0
        found = (await blocks.blocks(desk))[number:]
        more = token_of(number + size, "") if len(found) > size else ""
        return pb.ListBlocksResponse(blocks=[block_of(each) for each in found[:size]], next_page_token=more)

    async def revoke_chain(message: pb.RevokeChainRequest, call: Call) -> pb.RevokeChainResponse:
        revoked = await chains.revoke_chain(desk, call, message.id, message.reason)
        return pb.RevokeChainResponse(chain=revoked.chain, tokens=revoked.live)

    return {
        "ApplyBundle": apply_bundle,
        "ListBundles": list_bundles,
        "GetBundle": get_bundle,
        "DiffBundles": diff_bundles,
        "ActivateBundle": activate_bundle,
        "Block": block,
        "Unblock": unblock,
        "ListBlocks": list_blocks,
        "RevokeChain": revoke_chain,
    }


def _kind(kind: int) -> str:
    if kind not in KINDS:
        raise Refused(Reason.PARAMETER_MISSING, field="kind")
    return KINDS[kind]
