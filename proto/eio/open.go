package eio

// This file holds the OPEN packet's data: what the server tells the client first.

import (
	"encoding/json"
	"errors"
	"strconv"
	"time"
)

// Open is what an OPEN packet says.
type Open struct {
	SID          string
	Upgrades     []string      // transports that the client may change to
	PingInterval time.Duration // in whole milliseconds
	PingTimeout  time.Duration // the same
	MaxPayload   int           // bytes that a payload or a message of the client's may have; revision 3 does not tell: 0
}

// ErrOpen is the error for an OPEN packet that does not tell what it should.
var ErrOpen = errors.New("eio: an OPEN packet without sid and the terms of the heartbeat")

// maxInterval is the longest time that an OPEN packet can name.
const maxInterval = 24 * time.Hour

// AppendOpen appends the data of an OPEN packet: JSON, with exactly the fields of the revision.
func AppendOpen(b []byte, rev Revision, o *Open) []byte {
	b = appendString(append(b, `{"sid":`...), o.SID)
	b = append(b, `,"upgrades":[`...)
	for i, u := range o.Upgrades {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendString(b, u)
	}
	b = append(b, `],"pingInterval":`...)
	b = strconv.AppendInt(b, o.PingInterval.Milliseconds(), 10)
	b = append(b, `,"pingTimeout":`...)
	b = strconv.AppendInt(b, o.PingTimeout.Milliseconds(), 10)
	if rev != V3 {
		b = append(b, `,"maxPayload":`...)
		b = strconv.AppendInt(b, int64(o.MaxPayload), 10)
	}
	return append(b, '}')
}

func appendString(b []byte, s string) []byte {
	quoted, _ := json.Marshal(s) // a string always can be
	return append(b, quoted...)
}

// ParseOpen reads the data of an OPEN packet. Fields that it does not know are passed over.
func ParseOpen(data []byte) (Open, error) {
	var o struct {
		SID          string   `json:"sid"`
		Upgrades     []string `json:"upgrades"`
		PingInterval int64    `json:"pingInterval"`
		PingTimeout  int64    `json:"pingTimeout"`
		MaxPayload   int64    `json:"maxPayload"`
	}
	if json.Unmarshal(data, &o) != nil || o.SID == "" || o.MaxPayload < 0 {
		return Open{}, ErrOpen
	}
	const most = int64(maxInterval / time.Millisecond)
	if o.PingInterval <= 0 || o.PingInterval > most || o.PingTimeout <= 0 || o.PingTimeout > most {
		return Open{}, ErrOpen
	}
	return Open{
		SID:          o.SID,
		Upgrades:     o.Upgrades,
		PingInterval: time.Duration(o.PingInterval) * time.Millisecond,
		PingTimeout:  time.Duration(o.PingTimeout) * time.Millisecond,
		MaxPayload:   int(o.MaxPayload),
	}, nil
}
