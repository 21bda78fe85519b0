// npm ws, as its documentation sets it up, without compression. It checks text for UTF-8.
'use strict';
const fs = require('fs');
const http = require('http');
const { WebSocketServer } = require('ws');

const port = Number(process.argv[2] || 9000);
const server = http.createServer((req, res) => {
  if (global.gc) global.gc();
  res.end(String(Number(fs.readFileSync('/proc/self/statm', 'utf8').split(' ')[1]) * 4096));
});
const wss = new WebSocketServer({ server, perMessageDeflate: false, maxPayload: 4 << 20 });
const room = new Set();
wss.on('connection', (ws, req) => {
  ws.on('error', () => {});
  switch (req.url) {
    case '/broadcast':
      room.add(ws);
      ws.on('close', () => room.delete(ws));
      ws.on('message', (data, binary) => { for (const to of room) to.send(data, { binary }); });
      break;
    case '/sleep':
      ws.on('message', (data, binary) => setTimeout(() => ws.send(data, { binary }), 50));
      break;
    default:
      ws.on('message', (data, binary) => ws.send(data, { binary }));
  }
});
server.listen(port, '127.0.0.1', 4096);
