package conformance

// This file holds what has to be installed, and how to tell whether it is.

import (
	"os"
	"os/exec"
	"testing"
)

// python is Debian's, for which the clients are packaged. Another python3 may come first in PATH.
const python = "/usr/bin/python3"

// programs are the packages that are a program: nginx and haproxy stand where only root has them in PATH.
var programs = map[string][]string{
	"chromium":    {"chromium"},
	"curl":        {"curl"},
	"nginx-light": {"nginx", "/usr/sbin/nginx"},
	"haproxy":     {"haproxy", "/usr/sbin/haproxy"},
	"nodejs":      {"node"},
	"tinyproxy":   {"tinyproxy"},
	"microsocks":  {"microsocks"},
}

// modules are the packages that are a Python module.
var modules = map[string]string{
	"python3-websocket": "websocket", "python3-websockets": "websockets", "python3-tornado": "tornado",
	"python3-socketio": "socketio", "python3-requests": "requests",
}

// npmPackages are the packages that are npm's, and where they are.
var npmPackages = map[string]string{"ws": "node/node_modules/ws", "socket.io": "node/socketio/node_modules/socket.io"}

// need skips the test of a client unless all packages are installed.
func need(t *testing.T, client string, packages ...string) {
	t.Helper()
	for _, name := range packages {
		if !installed(name) {
			results.skip(client, name)
			t.Skipf("the package %s is not installed: scripts/setup.sh does that", name)
		}
	}
}

func installed(name string) bool {
	if module, ok := modules[name]; ok {
		// -I: a file of ours must not pass for the module.
		return exec.Command(python, "-I", "-c", "import "+module).Run() == nil
	}
	if dir, ok := npmPackages[name]; ok {
		_, err := os.Stat(dir)
		return err == nil
	}
	return program(name) != ""
}

// program returns the path of the program of a package, or "".
func program(name string) string {
	for _, candidate := range programs[name] {
		if path, err := exec.LookPath(candidate); err == nil {
			return path
		}
	}
	return ""
}
