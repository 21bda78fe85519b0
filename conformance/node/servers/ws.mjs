// An echo server on npm's ws, with compression. It prints its port.
import { WebSocketServer } from "ws";

const server = new WebSocketServer({
  port: 0,
  host: "127.0.0.1",
  perMessageDeflate: { threshold: 0 },
  maxPayload: 1 << 22,
  handleProtocols: (offered) => (offered.has("v2") ? "v2" : false),
});
server.on("listening", () => console.log("port", server.address().port));
server.on("connection", (socket) => {
  socket.on("pong", (data) => data.toString() === "hello" && socket.send("ponged"));
  socket.on("message", (data, binary) => {
    const text = binary ? "" : data.toString();
    if (text === "close") socket.close(4000, "as you wish");
    else if (text === "ping") socket.ping("hello");
    else if (text === "fragments") {
      socket.send("frag", { fin: false });
      socket.send("men", { fin: false });
      socket.send("ts", { fin: true });
    } else socket.send(data, { binary });
  });
});
