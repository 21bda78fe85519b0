package chat

// This file holds who a visitor is: random ids, the tokens that prove them, and names made fit to show.

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"strings"
	"unicode"
)

// newID returns a random UUID, version 4 (RFC 9562, section 5.4).
func newID() string {
	var b [16]byte
	rand.Read(b[:])         // never fails, says crypto/rand
	b[6] = b[6]&0x0f | 0x40 // version 4
	b[8] = b[8]&0x3f | 0x80 // the variant of RFC 9562
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// A notary signs ids with a key that lives as long as the room. So a visitor who comes back proves its former id, and
// the room remembers nothing of those who left.
type notary [32]byte

func newNotary() (n notary) {
	rand.Read(n[:])
	return n
}

// token returns the proof of an id, for its visitor alone.
func (n *notary) token(id string) string {
	mac := hmac.New(sha256.New, n[:])
	mac.Write([]byte(id))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// valid tells whether token proves id. It takes as long for a near miss as for a far one.
func (n *notary) valid(id, token string) bool {
	return hmac.Equal([]byte(n.token(id)), []byte(token))
}

const (
	maxNameRunes = 32
	maxMarks     = 3 // combining marks in a row; more of them paint over other lines
)

// cleanName makes a name fit to stand beside others: no control, direction or invisible characters, which let a name
// pass for another or turn the line around; one space where there were many; at most 32 characters.
func cleanName(name string) string {
	var out strings.Builder
	runes, marks := 0, 0
	for _, r := range strings.Join(strings.Fields(name), " ") {
		if !unicode.In(r, unicode.Mn, unicode.Me) {
			marks = 0
		} else if marks++; marks > maxMarks {
			continue
		}
		if !visible(r) {
			continue
		}
		if runes++; runes > maxNameRunes {
			break
		}
		out.WriteRune(r)
	}
	return strings.TrimSpace(out.String())
}

// visible tells whether a character of a name can be seen for what it is. The plain space can.
func visible(r rune) bool {
	return r == ' ' || unicode.IsGraphic(r) && r != unicode.ReplacementChar &&
		!unicode.In(r, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector)
}

// cleanText drops the control characters of a message, but line feeds and tabs: a terminal obeys the others.
func cleanText(text string) string {
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		if unicode.IsControl(r) && r != '\n' && r != '\t' {
			return -1
		}
		return r
	}, text))
}
