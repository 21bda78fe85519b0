package engineio_test

// This file holds the package's example.

import (
	"log"
	"net/http"
	"time"

	"github.com/duplex-go/duplex/engineio"
)

// echo sends back what comes.
type echo struct{}

func (echo) Open(s *engineio.Session) error { return s.Send(engineio.Text("welcome")) }

func (echo) Message(s *engineio.Session, m engineio.Message) { _ = s.Send(m) } // an error means that Close is next

func (echo) Close(s *engineio.Session, reason engineio.Reason) {
	log.Printf("%s, from %s, has gone: %s", s.Transport(), s.Handshake().Addr(), reason)
}

func Example() {
	mux := http.NewServeMux()
	mux.Handle("/engine.io/", engineio.NewServer(echo{}, nil))
	srv := &http.Server{Addr: ":8080", Handler: mux, ReadHeaderTimeout: 10 * time.Second, MaxHeaderBytes: 16 << 10}
	log.Fatal(srv.ListenAndServe())
}
