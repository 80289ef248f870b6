package main

import (
	"strings"
	"testing"
)

func resourceList(policy, rest string) string {
	return "apiVersion: config.kubernetes.io/v1\nkind: ResourceList\nitems:\n- apiVersion: batch/v1\n  kind: Job\n  metadata:\n" +
		"    name: a\n    annotations:\n      helm.sh/hook-delete-policy: x\n" + policy + rest
}

func TestAResourceListMeansTheSameAndMayHaveWarnings(t *testing.T) {
	const added = "      kots.io/hook-delete-policy: x\n"
	warning := func(fields string) string { return "results:\n- {message: why, " + fields + "}\n" }
	const reference = "resourceRef: {apiVersion: batch/v1, kind: Job, name: a}"
	for name, output := range map[string]struct {
		text    string
		objects bool
	}{
		"an annotation":            {resourceList(added, ""), false},
		"no annotation":            {resourceList("", ""), true},
		"a warning":                {resourceList(added, warning("severity: warning, "+reference)), false},
		"a warning about nothing":  {resourceList(added, warning("severity: warning")), false},
		"a warning about another":  {resourceList(added, warning("severity: warning, "+strings.Replace(reference, "a}", "b}", 1))), true},
		"an error":                 {resourceList(added, warning("severity: error")), true},
		"a result without message": {resourceList(added, "results:\n- {severity: warning}\n"), true},
		"another field":            {resourceList(added, "other: []\n"), true},
	} {
		found := disagreements(t, resourceList("", ""), output.text, "")
		if (len(found) > 0) != output.objects {
			t.Errorf("%s: they object: %q", name, found)
		}
	}
}

func TestTheFunctionConfigHasTheDefaultPolicy(t *testing.T) {
	for _, config := range []string{
		"functionConfig: {apiVersion: v1, kind: ConfigMap, data: {default-policy: hook-failed}}\n",
		"functionConfig: {apiVersion: jobsweep.io/v1, kind: Jobsweep, spec: {default-policy: hook-failed}}\n",
	} {
		list := func(policy string) string {
			return strings.Replace(resourceList(policy, config), "helm.sh/hook-delete-policy: x", "a: b", 1)
		}
		if found := disagreements(t, list(""), list("      kots.io/hook-delete-policy: hook-failed\n"), ""); len(found) > 0 {
			t.Errorf("they object: %q", found)
		}
		if found := disagreements(t, list(""), list(""), ""); len(found) == 0 {
			t.Error("no judge misses the default policy")
		}
	}
}
