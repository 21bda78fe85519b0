package socketio_test

import (
	"fmt"
	"log"
	"net/http"
	"time"

	"github.com/duplex-go/duplex/socketio"
)

// A server for clients of all versions.
func Example() {
	io := socketio.NewServer(nil)
	io.OnConnect(func(s *socketio.Socket) error { return s.Join("lobby") })
	socketio.On(io, "say", func(s *socketio.Socket, text string) error {
		return s.To("lobby").Emit("said", s.ID(), text) // to everybody else
	})
	socketio.Handle(io, "sum", func(_ *socketio.Socket, numbers []int) (sum int, err error) {
		for _, n := range numbers {
			sum += n
		}
		return sum, nil // the client's acknowledgement
	})
	http.Handle("/socket.io/", io)
	srv := &http.Server{Addr: "127.0.0.1:8080", ReadHeaderTimeout: 10 * time.Second, MaxHeaderBytes: 16 << 10}
	log.Fatal(srv.ListenAndServe())
}

// A namespace that lets in only who knows the word.
func ExampleNamespace_Use() {
	io := socketio.NewServer(nil)
	admin := io.Of("/admin")
	admin.Use(func(s *socketio.Socket) error {
		if string(s.Handshake().Auth) != `{"word":"swordfish"}` {
			return &socketio.Error{Message: "not you", Data: map[string]int{"code": 401}}
		}
		return nil
	})
	socketio.On2(admin, "move", func(s *socketio.Socket, x, y int) error {
		return admin.Except(s.ID()).Volatile().Emit("moved", x, y)
	})
}

// A question to all who are in a room.
func ExampleBroadcast_EmitWithAck() {
	io := socketio.NewServer(nil)
	socketio.On(io, "vote", func(s *socketio.Socket, question string) error {
		answers, err := io.To("jury").Timeout(5*time.Second).EmitWithAck(s.Context(), "vote", question)
		for _, a := range answers { // those that came in time
			var yes bool
			if a.Scan(&yes) == nil {
				fmt.Println(yes)
			}
		}
		return err
	})
}
