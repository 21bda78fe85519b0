package main

// This file holds how much CPU another process has taken.

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

// processCPU returns the CPU time that all threads of a process have taken, user and system. Unlike /proc/PID/stat, which counts ticks of
// 10 ms, this is exact. 0: there is no such process.
func processCPU(pid int) (d time.Duration) {
	files, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid))
	if err != nil {
		return 0
	}
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			continue // the thread has ended
		}
		ns, _, _ := bytes.Cut(text, []byte(" "))
		n, _ := strconv.ParseInt(string(ns), 10, 64)
		d += time.Duration(n)
	}
	return d
}
