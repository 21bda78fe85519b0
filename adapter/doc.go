// Package adapter is what stands between a namespace and the sockets in it, wherever they are connected.
//
// An [Order] says in plain data what is to be done with which sockets. A server carries it out on its own sockets, as [Sockets]. Several servers
// become one by a Sockets that hands an order on to the others before it hands it to the server's own: a server is given such a
// wrapper when it is made, and knows no more of it.
//
// [Rooms] says who is in which room on one server.
//
// Not here: the wrapper for many servers, and the brokers that carry its messages.
package adapter
