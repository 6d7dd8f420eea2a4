// Loaded before the conformance suite, whose servers would listen on every interface of
// this machine: a server that names no address listens on 127.0.0.1. The suite asks for
// the port at once, which `listen` with a host does not allow, hence the inner method.
const { Server } = require('node:net');

const { listen, _listen2: listenAt } = Server.prototype;

Server.prototype._listen2 = function onLoopback(address, port, type, ...rest) {
  return address === null ? listenAt.call(this, '127.0.0.1', port, 4, ...rest) : listenAt.call(this, address, port, type, ...rest);
};

// Should a later Node not use that method, the run ends instead of opening a port to others.
Server.prototype.listen = function checked(...given) {
  this.once('listening', () => {
    const { address } = this.address();
    if (address !== '127.0.0.1' && address !== '::1') throw new Error(`a server listens on ${address}`);
  });
  return listen.apply(this, given);
};
