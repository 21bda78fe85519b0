//go:build !unix

package main

// This file is for systems where nothing tells that the size of a terminal has changed: the next key finds out.

func watchSize(func()) (stop func()) { return func() {} }
