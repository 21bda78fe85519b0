package chat

// This file holds a token bucket, the limit on how fast a visitor may talk, as a function of given times.

import "time"

// A bucket holds up to burst tokens and gains rate of them a second. The zero bucket is full when first used.
type bucket struct {
	tokens float64
	last   time.Time // when tokens was right; zero before the first use
}

// take takes one token and tells whether there was one.
func (b *bucket) take(now time.Time, rate, burst float64) bool {
	if b.last.IsZero() {
		b.tokens = burst
	} else if passed := now.Sub(b.last).Seconds(); passed > 0 {
		b.tokens = min(burst, b.tokens+passed*rate)
	}
	b.last = now
	if b.tokens < 1 {
		return false
	}
	b.tokens--
	return true
}
