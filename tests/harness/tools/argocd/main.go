// The servers of Argo CD that a sync needs. As in Argo CD's own main package, the name of the program selects the server. That
// package also has the API server, its web pages and the command line, which would be half of the build.
package main

import (
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/alicebob/miniredis/v2"
	controller "github.com/argoproj/argo-cd/v3/cmd/argocd-application-controller/commands"
	cmpserver "github.com/argoproj/argo-cd/v3/cmd/argocd-cmp-server/commands"
	reposerver "github.com/argoproj/argo-cd/v3/cmd/argocd-repo-server/commands"
	"github.com/argoproj/argo-cd/v3/util/log"
	"github.com/spf13/cobra"
	"k8s.io/klog/v2"
)

func main() {
	klog.SetLogger(log.NewLogrusLogger(log.NewWithCurrentConfig()))
	var command *cobra.Command
	switch name := filepath.Base(os.Args[0]); name {
	case "argocd-application-controller":
		command = controller.NewCommand()
	case "argocd-repo-server":
		command = reposerver.NewCommand()
	case "argocd-cmp-server":
		command = cmpserver.NewCommand()
	case "redis":
		redis(os.Args[1])
		return
	default:
		fail("no server has this name: " + name)
	}
	if err := command.Execute(); err != nil {
		fail(err.Error())
	}
}

// Argo CD keeps generated manifests in Redis. miniredis speaks Redis' protocol and is a Go module, so the tests need no package.
func redis(address string) {
	server := miniredis.NewMiniRedis()
	if err := server.StartAddr(address); err != nil {
		fail(err.Error())
	}
	end := make(chan os.Signal, 1)
	signal.Notify(end, os.Interrupt, syscall.SIGTERM)
	<-end
}

func fail(message string) {
	fmt.Fprintln(os.Stderr, message)
	os.Exit(1)
}
