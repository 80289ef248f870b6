package main

import (
	"encoding/json"
	"strings"
	"testing"
)

const job = `# Source: chart/templates/job.yaml
apiVersion: batch/v1
kind: Job
metadata:
  name: migrate
  annotations:
    helm.sh/hook: pre-upgrade # early
    helm.sh/hook-delete-policy: "5"
    example.com/count: "1"
spec: {ttl: 0x10, on: yes}
---
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
  annotations:
    helm.sh/hook-delete-policy: hook-succeeded
`

const added = "    helm.sh/hook-delete-policy: \"5\"\n    kots.io/hook-delete-policy: \"5\"\n"

var good = strings.Replace(job, "    helm.sh/hook-delete-policy: \"5\"\n", added, 1)

// listIn returns a List of this version, with one Job that has a policy and these other annotations.
func listIn(version, more string) string {
	return "apiVersion: " + version + "\nkind: List\nitems:\n- apiVersion: batch/v1\n  kind: Job\n  metadata:\n" +
		"    annotations: {helm.sh/hook-delete-policy: x" + more + "}\n"
}

// disagreements returns those of one request, as "judge: why".
func disagreements(t *testing.T, input, output, policy string) []string {
	t.Helper()
	court := newCourt()
	var found []string
	for _, d := range court.judge(request{Name: "test", DefaultPolicy: policy, Input: input, Output: output}) {
		found = append(found, d.Judge+": "+d.Why)
	}
	if len(found) != court.Disagreements {
		t.Errorf("%d disagreements were counted, %d told", court.Disagreements, len(found))
	}
	return found
}

func TestTheRightOutputIsAgreedOn(t *testing.T) {
	listOf := func(items ...string) string {
		return "apiVersion: v1\nkind: List\nitems:\n" + strings.Join(items, "")
	}
	deployment := "- kind: Deployment\n  metadata:\n    annotations: &a {helm.sh/hook-delete-policy: hook-failed}\n"
	for name, c := range map[string]struct{ input, output, policy string }{
		"a hook Job":         {job, good, ""},
		"translated before":  {good, good, ""},
		"an empty stream":    {"", "---\n", ""},
		"one of white space": {" \n", " \n---\n", ""},
		"one of a CR":        {"\r", "\r\n---\n", ""},
		"only comments":      {"# a\n---\n# b\n", "# a\n---\n# b\n", "hook-failed"},
		"an invalid document that is left alone": {
			"a: [\n---\n" + job, "a: [\n---\n" + good, "",
		},
		"an alias": {
			listOf(deployment, "- apiVersion: batch/v1\n  kind: Job\n  metadata:\n    annotations: *a\n"),
			listOf(deployment, "- apiVersion: batch/v1\n  kind: Job\n  metadata:\n    annotations: {<<: *a, "+
				"kots.io/hook-delete-policy: \"hook-failed\"}\n"), "",
		},
		"an item of a JobList, without a kind": {
			"apiVersion: batch/v1\nkind: JobList\nitems: [{metadata: {annotations: {helm.sh/hook-delete-policy: x}}}]\n",
			"apiVersion: batch/v1\nkind: JobList\nitems: [{metadata: {annotations: {helm.sh/hook-delete-policy: x, " +
				"kots.io/hook-delete-policy: x}}}]\n", "",
		},
		"a null that a default replaces": {
			"apiVersion: batch/v1\nkind: Job\nmetadata:\n  annotations: null # none\n  name: x\n",
			"apiVersion: batch/v1\nkind: Job\nmetadata:\n  annotations: {\"kots.io/hook-delete-policy\": \"hook-failed\"}" +
				" # none\n  name: x\n", "hook-failed",
		},
		"a null below a key with an escape in its middle, and a comment before it": {
			"apiVersion: batch/v1\nkind: Job\nmetadata:\n  \"annot\\x61tions\": # none\n    Null\n  name: x\n",
			"apiVersion: batch/v1\nkind: Job\nmetadata:\n  \"annot\\x61tions\": # none\n    {\"kots.io/hook-delete-policy\": \"hook-failed\"}" +
				"\n  name: x\n", "hook-failed",
		},
		"what is JSON but for a YAML null, and JSON when a default has replaced it": {
			`{"apiVersion": "batch/v1", "kind": "Job", "metadata": {"annotations": NULL}}`,
			`{"apiVersion": "batch/v1", "kind": "Job", "metadata": {"annotations": {"kots.io/hook-delete-policy": "x"}}}`, "x",
		},
		"a List that kubectl refuses": {listIn("\"v1\\n\"", ""), listIn("\"v1\\n\"", ""), ""},
		"a List without a version":    {listIn("null", ""), listIn("null", ""), ""},
		"a List that kubectl opens":   {listIn("batch/v1", ""), listIn("batch/v1", ", kots.io/hook-delete-policy: x"), ""},
		"a policy that is a bool to the API server": {
			"apiVersion: batch/v1\nkind: Job\nmetadata:\n  annotations: {helm.sh/hook-delete-policy: yes}\n",
			"apiVersion: batch/v1\nkind: Job\nmetadata:\n  annotations: {helm.sh/hook-delete-policy: yes}\n", "hook-failed",
		},
		"duplicates that decide nothing": {
			strings.Replace(job, "spec:", "spec: {a: 1, a: 2}\nspec:", 1),
			strings.Replace(good, "spec:", "spec: {a: 1, a: 2}\nspec:", 1), "",
		},
	} {
		t.Run(name, func(t *testing.T) {
			if found := disagreements(t, c.input, c.output, c.policy); len(found) > 0 {
				t.Errorf("they object: %q", found)
			}
		})
	}
}

func TestEveryKindOfWrongOutputIsCaught(t *testing.T) {
	edit := func(old, new string) string {
		t.Helper()
		if strings.Count(good, old) == 0 {
			t.Fatalf("%q is not in the output", old)
		}
		return strings.Replace(good, old, new, 1)
	}
	for name, c := range map[string]struct{ output, judge string }{
		"the annotation is missing":                  {job, "sigs"},
		"the annotation is missing (2)":              {job, "kyaml"},
		"its value is another one":                   {edit(`kots.io/hook-delete-policy: "5"`, `kots.io/hook-delete-policy: "6"`), "sigs"},
		"its value is another one (2)":               {edit(`kots.io/hook-delete-policy: "5"`, `kots.io/hook-delete-policy: "6"`), "kyaml"},
		"a quoted number is unquoted":                {edit(`kots.io/hook-delete-policy: "5"`, `kots.io/hook-delete-policy: 5`), "sigs"},
		"a quoted number is unquoted (2)":            {edit(`kots.io/hook-delete-policy: "5"`, `kots.io/hook-delete-policy: 5`), "kyaml"},
		"another quoted number as well":              {edit(`count: "1"`, `count: 1`), "sigs"},
		"another value changed":                      {edit("pre-upgrade", "pre-install"), "kyaml"},
		"another value changed (bytes)":              {edit("pre-upgrade", "pre-install"), "bytes"},
		"a number is spelled in decimal":             {edit("0x10", "16"), "kyaml"},
		"another key is added":                       {edit("spec: {", "spec: {a: b, "), "sigs"},
		"a Deployment has it too":                    {good + "    kots.io/hook-delete-policy: hook-succeeded\n", "sigs"},
		"a Deployment has it too (2)":                {good + "    kots.io/hook-delete-policy: hook-succeeded\n", "kyaml"},
		"a Deployment has it too (bytes)":            {good + "    kots.io/hook-delete-policy: hook-succeeded\n", "bytes"},
		"a comment is lost":                          {edit(" # early", ""), "bytes"},
		"a comment is lost elsewhere":                {edit("# Source: chart/templates/job.yaml\n", ""), "bytes"},
		"a comment is added":                         {edit("kind: Deployment", "kind: Deployment # ours"), "bytes"},
		"one blank is lost":                          {edit("pre-upgrade # early", "pre-upgrade# early"), "bytes"},
		"the final newline is lost":                  {strings.TrimSuffix(good, "\n"), "bytes"},
		"a newline is gained":                        {good + "\n", "bytes"},
		"the insertion is there, one comment is not": {edit("# early", "#early"), "bytes"},
		"entries have changed places": {
			edit("    helm.sh/hook: pre-upgrade # early\n"+added, added+"    helm.sh/hook: pre-upgrade # early\n"), "bytes",
		},
		"documents have changed places": {good[strings.Index(good, "---\n"):] + "---\n" + good[:strings.Index(good, "---\n")], "sigs"},
		"a document is lost":            {good[:strings.Index(good, "---\n")], "bytes"},
		"it is no longer valid YAML":    {edit("    kots.io", "   kots.io"), "sigs"},
		"it is no longer valid (2)":     {edit("    kots.io", "   kots.io"), "kyaml"},
		"it is no longer valid (Helm)":  {edit("    kots.io", "   kots.io"), "helm4"},
		"a line end has become CRLF":    {edit("kind: Job\n", "kind: Job\r\n"), "bytes"},
		"a BOM is put in front":         {"\ufeff" + good, "bytes"},
		"nothing at all is written":     {"", "bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			found := disagreements(t, job, c.output, "")
			if !strings.Contains("\n"+strings.Join(found, "\n"), "\n"+c.judge+": ") {
				t.Errorf("%s does not object; objections: %q", c.judge, found)
			}
		})
	}
}

func TestWhatOnlySomeInputsCanGetWrongIsCaught(t *testing.T) {
	head := "apiVersion: batch/v1\nkind: Job\nmetadata:\n"
	policy := head + "  annotations: {helm.sh/hook-delete-policy: x}\n"
	copied := head + "  annotations: {helm.sh/hook-delete-policy: x, kots.io/hook-delete-policy: x}\n"
	for name, c := range map[string]struct{ input, output, policy, judge string }{
		"empty output for Helm 4":                       {"", "", "", "bytes"},
		"output of white space for Helm 4":              {" \n", " \n", "", "bytes"},
		"the default is not given":                      {head + "  name: x\n", head + "  name: x\n", "hook-failed", "sigs"},
		"the default is given to a hook with a policy":  {policy, strings.ReplaceAll(copied, "kots.io/hook-delete-policy: x", "kots.io/hook-delete-policy: hook-failed"), "hook-failed", "sigs"},
		"the default is given where none was asked for": {head + "  annotations: {}\n", head + "  annotations: {kots.io/hook-delete-policy: x}\n", "", "kyaml"},
		"the author's own is overwritten": {
			strings.ReplaceAll(copied, "kots.io/hook-delete-policy: x", "kots.io/hook-delete-policy: mine"), copied, "", "sigs",
		},
		"a null that stays is taken away": {
			head + "  annotations: {}\n  labels: null\n", head + "  annotations: {kots.io/hook-delete-policy: x}\n  labels:\n", "x", "bytes",
		},
		"a policy of null is copied": {
			head + "  annotations: {helm.sh/hook-delete-policy: null}\n",
			head + "  annotations: {helm.sh/hook-delete-policy: null, kots.io/hook-delete-policy: null}\n", "", "sigs",
		},
		"a Job of another API group": {
			strings.Replace(policy, "batch/v1", "batch.volcano.sh/v1alpha1", 1),
			strings.Replace(copied, "batch/v1", "batch.volcano.sh/v1alpha1", 1), "", "kyaml",
		},
		"a kind that is there twice": {"kind: CronJob\n" + policy, "kind: CronJob\n" + copied, "", "kyaml"},
		"a policy that is there twice": {
			strings.Replace(policy, "{", "{helm.sh/hook-delete-policy: y, ", 1), strings.Replace(copied, "{", "{helm.sh/hook-delete-policy: y, ", 1), "", "kyaml",
		},
		"a Job in a List of batch/v1 is missed":       {listIn("batch/v1", ""), listIn("batch/v1", ""), "", "sigs"},
		"a Job in a List of no version is missed":     {listIn(`""`, ""), listIn(`""`, ""), "", "kyaml"},
		"a document that no library reads is changed": {policy + "a: [\n", copied + "a: [\n", "", "bytes"},
		"a document that could not be read now can":   {policy + "a: [\n", policy + "a: []\n", "", "sigs"},
		"what an alias shares changes as well": {
			policy[:len(policy)-len("{helm.sh/hook-delete-policy: x}\n")] + "&a {helm.sh/hook-delete-policy: x}\nspec: *a\n",
			copied[:len(policy)-len("{helm.sh/hook-delete-policy: x}\n")] + "&a {helm.sh/hook-delete-policy: x, kots.io/hook-delete-policy: x}\nspec: *a\n",
			"", "sigs",
		},
		"a byte is lost where there are anchors": {
			policy + "spec: &a {b: c}# d\n", copied + "spec: &a {b: c} d\n", "", "bytes",
		},
	} {
		t.Run(name, func(t *testing.T) {
			found := disagreements(t, c.input, c.output, c.policy)
			if !strings.Contains("\n"+strings.Join(found, "\n"), "\n"+c.judge+": ") {
				t.Errorf("%s does not object; objections: %q", c.judge, found)
			}
		})
	}
}

func TestOfAVouchedDocumentThatNoLibraryReadsTheBytesAreJudged(t *testing.T) {
	head := "apiVersion: batch/v1\nkind: Job\nmetadata:\n \t\n"
	input := head + "  annotations: {helm.sh/hook-delete-policy: x} # c\n"
	output := head + "  annotations: {helm.sh/hook-delete-policy: x, kots.io/hook-delete-policy: x} # c\n"
	for output, want := range map[string]int{output: 0, strings.Replace(output, " # c", "", 1): 1, output + "a: b\n": 1} {
		court := newCourt()
		if found := court.judge(request{Input: input, Output: output, Vouched: true}); len(found) != want {
			t.Errorf("%d objections expected to %q: %v", want, output, found)
		}
		if court.Judges["kyaml"].Judged+court.Judges["sigs"].Judged > 0 {
			t.Error("a library reads it: this test needs another document")
		}
	}
}

func TestOneLostBlankIsFoundAmongManyJobs(t *testing.T) {
	input := "apiVersion: v1\nkind: List\nitems:\n"
	output := input
	for range 200 {
		item := "- apiVersion: batch/v1\n  kind: Job\n  metadata:\n    annotations:\n      helm.sh/hook-delete-policy: x\n"
		input += item + "  spec: {a:  b}\n"
		output += item + "      kots.io/hook-delete-policy: x\n" + "  spec: {a:  b}\n"
	}
	if found := disagreements(t, input, output, ""); len(found) > 0 {
		t.Errorf("they object: %q", found)
	}
	middle := strings.LastIndex(output[:len(output)/2], "a:  b")
	if found := disagreements(t, input, output[:middle]+"a: b"+output[middle+5:], ""); len(found) != 1 {
		t.Errorf("one objection was expected: %q", found)
	}
}

func TestAStreamIsSplitAtItsMarkersOnly(t *testing.T) {
	for stream, want := range map[string][]string{
		"a: b\n":           {"a: b\n"},
		"# c\n---\na: b\n": {"# c\n---\na: b\n"},
		"%YAML 1.1\n---\na\n...\n%TAG ! !\n--- b": {"%YAML 1.1\n---\na\n...\n", "%TAG ! !\n--- b"},
		"---\n---\n":             {"---\n", "---\n"},
		"a\r---\rb\r...\r":       {"a\r", "---\rb\r...\r"},
		"a\r\n--- # c\r\nb":      {"a\r\n", "--- # c\r\nb"},
		"a: |\n  ---\n---a: b\n": {"a: |\n  ---\n---a: b\n"},
		"\ufeff---\na\n":         {"\ufeff---\na\n"},
		"a\n...\n# only this\n":  {"a\n...\n", "# only this\n"},
		"---\ta\n---":            {"---\ta\n", "---"},
	} {
		got := splitDocuments(stream)
		if strings.Join(got, "|") != strings.Join(want, "|") {
			t.Errorf("%q was split into %q, not %q", stream, got, want)
		}
	}
}

func TestAnchorsThatExpandWithoutEndAreRefusedByBoth(t *testing.T) {
	bomb := "a: &a [x, x, x, x, x, x, x, x, x]\n"
	for i, name := range "bcdefghi" {
		previous := string("abcdefgh"[i])
		bomb += string(name) + ": &" + string(name) + " [" + strings.TrimSuffix(strings.Repeat("*"+previous+", ", 9), ", ") + "]\n"
	}
	for _, document := range []string{bomb, "a: &a {b: *a}\n"} {
		for _, reader := range readers {
			if value, err := reader.read(document); err == nil {
				t.Errorf("%s reads %.20q… as %.20v…", reader.name, document, value)
			}
		}
	}
}

func TestTheSummaryTellsWhatEachJudgeDid(t *testing.T) {
	var out strings.Builder
	line, err := json.Marshal(request{Name: "one", Input: job, Output: job})
	if err != nil {
		t.Fatal(err)
	}
	code, err := run(strings.NewReader(string(line)+"\n"), &out)
	if code != 1 || err != nil {
		t.Errorf("exit code %d, error %v", code, err)
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if want := `{"name":"one","judge":"sigs","document":1,`; !strings.HasPrefix(lines[0], want) {
		t.Errorf("%s does not begin with %s", lines[0], want)
	}
	var last struct{ Summary court }
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &last); err != nil {
		t.Fatal(err)
	}
	if s := last.Summary; s.Requests != 1 || s.Documents != 2 || s.Disagreements != 2 {
		t.Errorf("the summary is %+v", s)
	}
	for name, want := range map[string]work{"sigs": {2, 1, 0}, "kyaml": {2, 1, 0}, "helm4": {1, 0, 0}, "bytes": {2, 0, 0}} {
		if got := *last.Summary.Judges[name]; got != want {
			t.Errorf("%s did %+v, not %+v", name, got, want)
		}
	}
	if code, err := run(strings.NewReader(""), &out); code != 2 || err == nil {
		t.Errorf("no request: exit code %d, error %v", code, err)
	}
}
