package main

// This file holds what serve says to the person who started it: where it serves, or why it cannot.

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strconv"
	"syscall"
)

// announce prints the addresses that are served, ready to be clicked.
func announce(w io.Writer, addr net.Addr, tls bool) {
	bases := baseURLs(addr, tls)
	fmt.Fprintf(w, "duplex serves on %s\n\n", bases[0])
	for _, p := range places {
		fmt.Fprintf(w, "  %-36s %s\n", bases[0]+p.path, p.what)
	}
	scheme := "ws"
	if tls {
		scheme = "wss"
	}
	fmt.Fprintf(w, "\nThe same addresses with %s:// are WebSocket.\n", scheme)
	for _, base := range bases[1:] {
		fmt.Fprintf(w, "From other machines: %s\n", base)
	}
	fmt.Fprintln(w, "Stop with Ctrl-C.")
}

// baseURLs gives the address to open first and, if every interface listens, those that others can reach.
func baseURLs(addr net.Addr, tls bool) []string {
	scheme := "http://"
	if tls {
		scheme = "https://"
	}
	ap, err := netip.ParseAddrPort(addr.String())
	if err != nil || !ap.Addr().IsUnspecified() {
		return []string{scheme + addr.String()}
	}
	port := strconv.Itoa(int(ap.Port()))
	bases := []string{scheme + net.JoinHostPort("localhost", port)}
	interfaces, _ := net.InterfaceAddrs() // without them the first address must do
	for _, a := range interfaces {
		if n, ok := a.(*net.IPNet); ok && n.IP.To4() != nil && !n.IP.IsLoopback() {
			bases = append(bases, scheme+net.JoinHostPort(n.IP.String(), port))
		}
	}
	return bases
}

// explainListen says what to do about a port that cannot be had.
func explainListen(addr string, err error) error {
	host, port, splitErr := net.SplitHostPort(addr)
	switch {
	case splitErr != nil:
		return fmt.Errorf("--listen %q is not an address such as 127.0.0.1:8080 or :8080", addr)
	case errors.Is(err, syscall.EADDRINUSE):
		return fmt.Errorf(`%s is taken: another program listens there already, perhaps another duplex
  To use another port:   duplex serve --listen %s
  To use any free port:  duplex serve --listen %s
  To see who has it:     ss -ltnp "sport = :%s"`, addr, net.JoinHostPort(host, nextPort(port)), net.JoinHostPort(host, "0"), port)
	case errors.Is(err, syscall.EACCES):
		return fmt.Errorf("%s may not be listened on: ports below 1024 need a privilege\n  To use another port:   duplex serve --listen %s",
			addr, net.JoinHostPort(host, "8080"))
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return fmt.Errorf("%s is not an address of this machine\n  To listen on all of them:  duplex serve --listen :%s", addr, port)
	default:
		return err
	}
}

// nextPort is the port to suggest when one is taken.
func nextPort(port string) string {
	n, err := strconv.Atoi(port)
	if err != nil || n >= 65535 {
		return "8081"
	}
	return strconv.Itoa(n + 1)
}
