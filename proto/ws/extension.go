package ws

// This file holds how the two ends agree on permessage-deflate (RFC 7692 section 7.1).

import (
	"errors"
	"strconv"
	"strings"
)

// DeflateOptions is what one end wants of permessage-deflate.
type DeflateOptions struct {
	// Takeover keeps history from message to message, in both directions where the peer allows it:
	// 1 KiB for what is sent and 1<<WindowBits bytes for what is received.
	Takeover bool
	// WindowBits is the size of the history kept of what is received, 9 to 15. If zero, 10: 1 KiB.
	WindowBits int
}

const extensionName = "permessage-deflate"

func (o *DeflateOptions) windowBits() int {
	if o.WindowBits == 0 {
		return 10
	}
	return min(max(o.WindowBits, 9), maxWindowBits)
}

// deflateOffer is the parameters of an offer or of an answer.
type deflateOffer struct {
	serverNoTakeover, clientNoTakeover bool
	serverBits, clientBits             int  // 0: not there
	clientBitsAsked                    bool // client_max_window_bits is there, with or without a value
}

// parseDeflate reads the parameters of e. It reports false for any that is unknown, doubled or has an illegal value: an
// offer with such a one is declined, and an answer with such a one fails the handshake.
func parseDeflate(e extension, answer bool) (o deflateOffer, ok bool) {
	if e.name != extensionName {
		return o, false
	}
	for _, p := range e.params {
		switch p.name {
		case "server_no_context_takeover":
			ok = !p.hasValue && !o.serverNoTakeover
			o.serverNoTakeover = true
		case "client_no_context_takeover":
			ok = !p.hasValue && !o.clientNoTakeover
			o.clientNoTakeover = true
		case "server_max_window_bits":
			ok = o.serverBits == 0
			o.serverBits = windowBits(p.value)
			ok = ok && o.serverBits != 0
		case "client_max_window_bits":
			ok = !o.clientBitsAsked && (p.hasValue || !answer)
			o.clientBitsAsked = true
			if p.hasValue {
				o.clientBits = windowBits(p.value)
				ok = ok && o.clientBits != 0
			}
		default:
			ok = false
		}
		if !ok {
			return o, false
		}
	}
	return o, true
}

// windowBits reads a number from 8 to 15 without leading zeros (RFC 7692 section 7.1.2). 0: it is none.
func windowBits(s string) int {
	n, err := strconv.Atoi(s)
	if err != nil || n < 8 || n > maxWindowBits || strconv.Itoa(n) != s {
		return 0
	}
	return n
}

// acceptDeflate answers the first offer that can be taken. It returns nil and "" if there is none.
func acceptDeflate(offers []extension, want *DeflateOptions) (*DeflateParams, string) {
	for _, e := range offers {
		o, ok := parseDeflate(e, false)
		if !ok {
			continue
		}
		p := &DeflateParams{
			ServerNoContextTakeover: o.serverNoTakeover || !want.Takeover,
			ClientNoContextTakeover: o.clientNoTakeover || !want.Takeover,
			ServerMaxWindowBits:     maxWindowBits,
			ClientMaxWindowBits:     maxWindowBits,
		}
		if o.serverBits != 0 {
			p.ServerMaxWindowBits = o.serverBits
		}
		if o.clientBits != 0 {
			p.ClientMaxWindowBits = o.clientBits
		}
		if !p.ClientNoContextTakeover {
			// The history is ours to keep: bound it, or do without.
			if o.clientBitsAsked {
				p.ClientMaxWindowBits = min(p.ClientMaxWindowBits, want.windowBits())
			} else if want.windowBits() < maxWindowBits {
				p.ClientNoContextTakeover = true
			}
		}
		return p, answer(p, o)
	}
	return nil, ""
}

// answer writes the extension as accepted.
func answer(p *DeflateParams, o deflateOffer) string {
	var b strings.Builder
	b.WriteString(extensionName)
	if p.ServerNoContextTakeover {
		b.WriteString("; server_no_context_takeover")
	}
	if p.ClientNoContextTakeover {
		b.WriteString("; client_no_context_takeover")
	}
	if o.serverBits != 0 {
		b.WriteString("; server_max_window_bits=" + strconv.Itoa(p.ServerMaxWindowBits))
	}
	if o.clientBitsAsked && p.ClientMaxWindowBits < maxWindowBits {
		b.WriteString("; client_max_window_bits=" + strconv.Itoa(p.ClientMaxWindowBits))
	}
	return b.String()
}

// offerDeflate writes the client's offers, the preferred one first.
func offerDeflate(want *DeflateOptions) string {
	if !want.Takeover {
		return extensionName + "; server_no_context_takeover; client_no_context_takeover; client_max_window_bits"
	}
	bits := want.windowBits()
	if bits == maxWindowBits {
		return extensionName + "; client_max_window_bits"
	}
	return extensionName + "; server_max_window_bits=" + strconv.Itoa(bits) + "; client_max_window_bits, " +
		// for servers that cannot bound their window
		extensionName + "; server_no_context_takeover; client_max_window_bits"
}

var errExtensions = errors.New("the answer names an extension or a parameter that was not offered")

// checkDeflate reads the server's answer to offerDeflate (RFC 7692 section 7.1, RFC 6455 section 4.1).
func checkDeflate(lines []string, want *DeflateOptions) (*DeflateParams, error) {
	list, ok := parseExtensions(lines)
	if !ok {
		return nil, errors.New("malformed Sec-WebSocket-Extensions")
	}
	if len(list) == 0 {
		return nil, nil //nolint:nilnil // no extension, no error
	}
	if len(list) > 1 || want == nil {
		return nil, errExtensions
	}
	o, ok := parseDeflate(list[0], true)
	if !ok {
		return nil, errExtensions
	}
	p := &DeflateParams{
		ServerNoContextTakeover: o.serverNoTakeover,
		ClientNoContextTakeover: o.clientNoTakeover || !want.Takeover,
		ServerMaxWindowBits:     maxWindowBits,
		ClientMaxWindowBits:     maxWindowBits,
	}
	if o.serverBits != 0 {
		p.ServerMaxWindowBits = o.serverBits
	}
	if o.clientBits != 0 {
		p.ClientMaxWindowBits = o.clientBits
	}
	if want.Takeover && o.serverBits > want.windowBits() {
		return nil, errors.New("the answer's server_max_window_bits exceeds what was offered")
	}
	// A server should repeat the parameters that bound the history we keep of it, and some, such as older Tornados, do not. Then
	// it may use 32 KiB, and we keep them.
	return p, nil
}

// AgreeDeflate returns what two ends that both want want agree on, for a pair of Conns without a handshake.
func AgreeDeflate(want *DeflateOptions) *DeflateParams {
	offers, _ := parseExtensions([]string{offerDeflate(want)})
	p, _ := acceptDeflate(offers, want)
	return p
}
