//go:build !linux

package main

// This file says where there is no load generator.

import (
	"errors"

	"github.com/duplex-go/duplex/bench/internal/figures"
)

func load(config) (*figures.Load, error) {
	return nil, errors.New("the load generator stands on epoll, and needs Linux")
}
