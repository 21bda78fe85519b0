// npm socket.io, as its documentation sets it up for speed: without compression, which is its default, with ws helped by bufferutil, and
// without keeping each connection's first request.
'use strict';
const fs = require('fs');
const http = require('http');
const { Server } = require('socket.io');

const port = Number(process.argv[2] || 9000);
const server = http.createServer((req, res) => {
  if (global.gc) global.gc();
  res.end(String(Number(fs.readFileSync('/proc/self/statm', 'utf8').split(' ')[1]) * 4096));
});
const io = new Server(server, { serveClient: false });
io.engine.on('connection', (raw) => { raw.request = null; });
io.on('connection', (socket) => {
  socket.on('echo', (text) => socket.emit('echo', text));
  socket.on('broadcast', (text) => io.emit('broadcast', text));
});
server.listen(port, '127.0.0.1', 4096);
