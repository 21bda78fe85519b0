package engineio

// This file holds the compression of responses to polls.

import (
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zlib"
)

// encoding returns the content coding to use for a client that sent these values of Accept-Encoding: "gzip", "deflate" or "".
func encoding(accept []string) string {
	best := ""
	for item := range strings.SplitSeq(strings.Join(accept, ","), ",") {
		name, parameter, _ := strings.Cut(item, ";")
		name = strings.ToLower(strings.TrimSpace(name))
		if refused(parameter) {
			continue
		}
		switch name {
		case "gzip":
			return name
		case "deflate":
			best = name
		}
	}
	return best
}

// refused reports whether a parameter of Accept-Encoding is a weight of zero.
func refused(parameter string) bool {
	weight, ok := strings.CutPrefix(strings.ReplaceAll(parameter, " ", ""), "q=")
	if !ok {
		return false
	}
	q, err := strconv.ParseFloat(weight, 64)
	return err == nil && q == 0
}

// compressor is what gzip and zlib have in common.
type compressor interface {
	io.WriteCloser
	Reset(w io.Writer)
}

// The compressors are too large for each response to make its own.
var (
	gzips = sync.Pool{New: func() any {
		z, _ := gzip.NewWriterLevel(nil, gzip.BestSpeed) // a level that exists
		return z
	}}
	zlibs = sync.Pool{New: func() any {
		z, _ := zlib.NewWriterLevel(nil, zlib.BestSpeed)
		return z
	}}
)

// writeCompressed writes a body in a content coding.
func writeCompressed(w http.ResponseWriter, name string, body []byte) error {
	pool := &gzips
	if name == "deflate" {
		pool = &zlibs
	}
	z := pool.Get().(compressor) //nolint:errcheck,forcetypeassert // New returns nothing else
	defer pool.Put(z)
	buf := getBuffer()
	defer putBuffer(buf)
	z.Reset(buf)
	_, _ = z.Write(body) // a buffer takes everything
	_ = z.Close()
	w.Header().Set("Content-Encoding", name)
	return write(w, buf.Bytes())
}
