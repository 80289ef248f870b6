// The `fn` commands of kpt. kpt's own main package also imports a module that the Go module proxy does not have.
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/kptdev/kpt/commands/fn"
	"github.com/kptdev/kpt/pkg/lib/errors/resolver"
	"github.com/kptdev/kpt/pkg/printer"
	"github.com/spf13/cobra"
)

func main() {
	kpt := &cobra.Command{Use: "kpt", SilenceUsage: true, SilenceErrors: true}
	ctx := printer.WithContext(context.Background(), printer.New(kpt.OutOrStdout(), kpt.ErrOrStderr()))
	kpt.AddCommand(fn.GetCommand(ctx, "kpt"))
	err := kpt.Execute()
	if err == nil {
		return
	}
	message := err.Error()
	if known, ok := resolver.ResolveError(err); ok {
		message = known.Message
	}
	fmt.Fprintln(os.Stderr, message)
	os.Exit(1)
}
