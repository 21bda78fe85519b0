//go:build !unix

package main

// This file holds what stands in where files have no limit to speak of.

func checkDescriptors(int) error { return nil }
