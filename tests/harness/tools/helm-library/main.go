// A program that has Helm as a library, as Terraform's provider does: it installs a release, or upgrades it.
package main

import (
	"fmt"
	"log"
	"os"

	"helm.sh/helm/v3/pkg/action"
	"helm.sh/helm/v3/pkg/chart/loader"
	"helm.sh/helm/v3/pkg/cli"
	"helm.sh/helm/v3/pkg/postrender"
)

func main() {
	if len(os.Args) < 5 {
		log.Fatal("usage: helm-library RELEASE CHART NAMESPACE POST-RENDERER [ARGUMENT...]")
	}
	if err := apply(os.Args[1], os.Args[2], os.Args[3], os.Args[4], os.Args[5:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func apply(release, path, namespace, program string, args []string) error {
	settings := cli.New()
	settings.SetNamespace(namespace)
	config := new(action.Configuration)
	if err := config.Init(settings.RESTClientGetter(), namespace, "secret", log.Printf); err != nil {
		return err
	}
	chart, err := loader.Load(path)
	if err != nil {
		return err
	}
	renderer, err := postrender.NewExec(program, args...)
	if err != nil {
		return err
	}
	if _, err := config.Releases.Last(release); err != nil {
		install := action.NewInstall(config)
		install.ReleaseName, install.Namespace, install.PostRenderer = release, namespace, renderer
		_, err = install.Run(chart, nil)
		return err
	}
	upgrade := action.NewUpgrade(config)
	upgrade.Namespace, upgrade.PostRenderer = namespace, renderer
	_, err = upgrade.Run(release, chart, nil)
	return err
}
