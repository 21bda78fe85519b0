// Command duplex is the library at work: a server that a newcomer starts with one command, and tools beside it.
//
//	duplex serve      serve pages and WebSocket on one port
//	duplex connect    talk to a WebSocket server, by hand or from a script
//	duplex listen     the server's half, for tests and learning
//	duplex bench      put a server under load, and measure it
//	duplex version    print the version
package main

// This file holds the root command. Each subcommand has its own file.

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

func main() {
	err := newRootCommand().Execute()
	if err == nil {
		return
	}
	fmt.Fprintln(os.Stderr, "duplex: "+escape(err.Error(), true))
	var exit *exitError
	if errors.As(err, &exit) {
		os.Exit(exit.code)
	}
	os.Exit(1)
}

func newRootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:               "duplex",
		Short:             "Real-time for Go: WebSocket from the socket up",
		SilenceUsage:      true, // an error is one message, not a page of flags
		SilenceErrors:     true, // main prints it
		CompletionOptions: cobra.CompletionOptions{HiddenDefaultCmd: true},
	}
	root.AddCommand(newServeCommand(), newConnectCommand(), newListenCommand(), newBenchCommand(), newVersionCommand())
	return root
}

func newVersionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version of duplex and of Go",
		Args:  cobra.NoArgs,
		Run: func(cmd *cobra.Command, _ []string) {
			fmt.Fprintf(cmd.OutOrStdout(), "duplex %s %s %s/%s\n", version(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
		},
	}
}

// version is that of the module, as the go command recorded it: a tag, a pseudo-version, or "(devel)".
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "" {
		return "(devel)"
	}
	return info.Main.Version
}
