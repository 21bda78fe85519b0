// Package eio is Engine.IO as a function of bytes and given times: revision 4 of the protocol and revision 3.
//
// Source: the documents Engine.IO protocol, revisions 3 and 4, and what the original server (6.6) and clients (3.5, 6.6) do.
//
// It opens no socket, starts no goroutine and reads no clock. A driver, such as package engineio, carries the packets: in WebSocket
// messages, or in the bodies of requests and responses, which is called polling.
//
//   - A [Packet] is a type and data: [ParsePacket] and [AppendPacket].
//   - A body holds several, which makes a payload: [Packets] and [AppendPayload]; in JSONP, [ParseForm] and [AppendScript].
//   - A request says in its query which session it is for, and how it carries: [ParseQuery]. The answer to one that is refused
//     is a [Refusal].
//   - The first packet of a session tells the client its terms: [Open].
//   - A [Session] is the machine: packets from the peer in, events out, heartbeats, and the change from one transport to another.
//
// A Session goes through these states:
//
//	             Close                      the CLOSE packet was taken, or CloseTimeout passed
//	open ───────────────────► closing ──────────────────────────────────────────────────────► closed
//	  │                       packets from the peer are ignored, but CLOSE                      ▲
//	  └─────────────────────────────────────────────────────────────────────────────────────────┘
//	    EventClose: the peer's CLOSE packet, a broken rule, no heartbeat; or End, when the transport ends
//
// While it is open, it may change its transport once:
//
//	    StartProbe            ReceiveProbe: EventProbe              EventUpgrade
//	no probe ────────► probing ───────────────────────► probed ─────────────────► no probe, upgraded
//	     ▲                │                               │
//	     └────────────────┴───────────────────────────────┘
//	       EventProbeFailed: another packet, or UpgradeTimeout; or StopProbe, when the new transport ends
//
// While a probe is under way the heartbeats rest.
//
// In revision 4 the server pings and the client answers, in revision 3 the other way round. Whoever pings is the same code for
// both roles.
//
// Here events are what calls return, not a queue: a packet, or the passing of time, means one thing at most.
//
// Not here: HTTP, WebTransport, compression.
package eio
