//go:build !linux

package main

// This file says where nothing can be measured.

import "errors"

func raiseLimit() error { return errors.New("the client and the clock of CPU time need Linux") }
