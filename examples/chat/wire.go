package chat

// This file holds the two wire formats: what a visitor may send, and what it gets as JSON events or as HTML.

import (
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"time"

	"github.com/duplex-go/duplex/websocket"
)

// Subprotocol is the name under which the room speaks JSON events. Without it, it speaks HTML fragments.
const Subprotocol = "chat.duplex.v1"

// A request is what a visitor sends, the same in both formats. Unknown members are ignored.
type request struct {
	Type    string  `json:"type"` // "message", also when absent, or "name"
	UID     string  `json:"uid"`
	Message *string `json:"message"`
	Name    *string `json:"name"`
	Nonce   string  `json:"nonce"` // made up by the sender; a repeated one is answered, and not said again
}

// A refusal tells a visitor why its message went nowhere. Code is for programs, text for people.
type refusal struct {
	code, text string
}

func refuse(code, format string, args ...any) *refusal {
	return &refusal{code, fmt.Sprintf(format, args...)}
}

// maxNonce is the length of the longest nonce, in bytes. A UUID has 36.
const maxNonce = 64

// parseRequest reads a visitor's message and checks it. A refused request still holds its nonce, if that could be read, so that the
// answer can name it.
func parseRequest(msg websocket.Message) (request, *refusal) {
	var req request
	if msg.Type != websocket.Text {
		return req, refuse("format", "expected text, got a binary message")
	}
	if err := json.Unmarshal(msg.Data, &req); err != nil {
		var wrong *json.UnmarshalTypeError
		if errors.As(err, &wrong) && wrong.Field != "" {
			return request{}, refuse("format", "%q must be a string", wrong.Field)
		}
		return request{}, refuse("format", `expected JSON: {"uid": "your id", "message": "your text"}`)
	}
	refused := req.check()
	return req, refused
}

// check checks all that can be checked without knowing the visitor. A nonce that is too long is taken away.
func (req *request) check() *refusal {
	if n := len(req.Nonce); n > maxNonce {
		req.Nonce = ""
		return refuse("format", `"nonce" of %d bytes exceeds the limit of %d`, n, maxNonce)
	}
	switch {
	case req.UID == "":
		return refuse("uid", `"uid" is missing: send the id that you were given`)
	case req.Type == "name" && req.Name != nil:
		return nil
	case req.Type == "name":
		return refuse("format", `"name" is missing`)
	case req.Type != "" && req.Type != "message":
		return refuse("format", `"type" must be "message" or "name"`)
	case req.Message == nil:
		return refuse("format", `"message" is missing`)
	case len(*req.Message) > maxText:
		return refuse("size", "the message has %d bytes; the limit is %d", len(*req.Message), maxText)
	case cleanText(*req.Message) == "":
		return refuse("empty", "the message is empty")
	}
	return nil
}

// The JSON events, as the visitor gets them. README of the protocol:
//
//	welcome  first, once: who you are and where the room stands
//	message  somebody said something; you too. seq counts up by one, so that a page knows what it has
//	join     somebody came, unless this id was here already on another connection
//	leave    the last connection of an id is gone
//	name     somebody changed the name
//	error    your last message went nowhere, and why
type (
	welcomeEvent struct {
		Type   string   `json:"type"`
		Room   string   `json:"room"`   // changes when the server starts anew; seq counts within it
		ID     string   `json:"id"`     // yours
		Token  string   `json:"token"`  // proves your id when you come back: /chat?id=...&token=...
		Name   string   `json:"name"`   // yours, as the others see it
		Who    []person `json:"who"`    // everybody who is here, you too, in order of arrival
		Last   uint64   `json:"last"`   // seq of the latest message; those that you lack follow this event
		Missed uint64   `json:"missed"` // messages since ?after= that the room has forgotten
	}
	messageEvent struct {
		Type  string    `json:"type"`
		Seq   uint64    `json:"seq"`
		UID   string    `json:"uid"`
		Name  string    `json:"name,omitempty"`
		Text  string    `json:"text"`
		Time  time.Time `json:"time"`
		Nonce string    `json:"nonce,omitempty"` // as the sender made it
	}
	presenceEvent struct { // join, leave, name
		Type string `json:"type"`
		person
	}
	errorEvent struct {
		Type  string `json:"type"`
		Code  string `json:"code"` // format, uid, size, empty, rate
		Error string `json:"error"`
		Nonce string `json:"nonce,omitempty"`
	}
	person struct {
		UID  string `json:"uid"`
		Name string `json:"name,omitempty"`
	}
)

// newForm returns an event in the forms that hold it. There is none of HTML.
func newForm(name string, event any) form {
	data := encode(event)
	return form{json: websocket.NewPrepared(websocket.Text, data), event: name, data: data}
}

// encode turns an event into JSON. The events hold strings, numbers and times of this century: they always encode.
func encode(event any) []byte {
	b, err := json.Marshal(event)
	if err != nil {
		panic(err)
	}
	return b
}

// fragment is a message in the HTML format, with everything that came from outside escaped.
func fragment(uid, text string) []byte {
	return fmt.Appendf(nil, `<div style="border: 1px solid #8a8a8a; border-radius: 6px; margin: 6px 0; padding: 6px 10px">`+
		`<b>游客%s</b><div dir="auto" style="white-space: pre-wrap; overflow-wrap: anywhere">%s</div></div>`,
		html.EscapeString(uid), html.EscapeString(text))
}

// errorFragment is a refusal in the HTML format.
func errorFragment(text string) []byte {
	return fmt.Appendf(nil, `<div role="alert" style="border: 1px solid #c0392b; border-radius: 6px; margin: 6px 0; padding: 6px 10px">`+
		`error: %s</div>`, html.EscapeString(text))
}
