// Command judge is the second opinion on jobsweep's filter, from readers that share no code with it: the Go
// libraries with which Helm itself reads manifests (the versions of Helm 4.3.1; Helm 3.22 has the same sigs.k8s.io/yaml).
//
// How to run, from this folder:
//
//	go run . < requests.jsonl     # judge
//	go test ./...                 # show that every kind of wrong output is caught
//
// One request a line: {"name": "...", "defaultPolicy": "", "input": "...", "output": "..."}, where output is what
// jobsweep wrote for input, and defaultPolicy what --default-policy was ("" for none). Runs that jobsweep refused
// (exit 65) have no output, and are not sent here; nor can a request carry text that is not UTF-8.
// A document that no library reads must not be changed, unless the request has "vouched": true, because a reader of YAML 1.2
// has found it valid; then only its bytes are judged.
//
// One line is printed for each disagreement, {"name", "judge", "document", "why"}, and a last one with counts. The judges:
//
//	sigs   sigs.k8s.io/yaml: what Helm and kubectl send to the API server
//	kyaml  sigs.k8s.io/kustomize/kyaml: what Helm 4 reads before and after a post-renderer; anchors and merges as it resolves them
//	json   encoding/json: the documents that are JSON, which kubectl reads as such
//	helm4  kio.ParseAll, by which Helm 4 splits a post-renderer's output: what it read before it must still read
//	bytes  no library: every byte of the input is still there, in order, around the insertions
//
// The first three read input and output document by document, compute from the specification what the output must
// mean (meaning.go), and compare. Exit code: 0 agreed, 1 disagreed, 2 no request or not a request.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
)

type request struct {
	Name          string `json:"name"`
	DefaultPolicy string `json:"defaultPolicy"`
	Input         string `json:"input"`
	Output        string `json:"output"`
	// Vouched: another reader knows every document to be YAML, though perhaps none of these can read it.
	Vouched bool `json:"vouched"`
}

type disagreement struct {
	Name     string `json:"name"`
	Judge    string `json:"judge"`
	Document int    `json:"document"`
	Why      string `json:"why"`
}

func main() {
	code, err := run(os.Stdin, os.Stdout)
	if err != nil {
		fmt.Fprintln(os.Stderr, "judge:", err)
	}
	os.Exit(code)
}

func run(stdin io.Reader, stdout io.Writer) (int, error) {
	requests := json.NewDecoder(stdin)
	requests.DisallowUnknownFields()
	answers := json.NewEncoder(stdout)
	answers.SetEscapeHTML(false)

	court := newCourt()
	for {
		var r request
		if err := requests.Decode(&r); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return 2, fmt.Errorf("request %d: %w", court.Requests+1, err)
		}
		for _, d := range court.judge(r) {
			if err := answers.Encode(d); err != nil {
				return 2, err
			}
		}
	}
	if err := answers.Encode(map[string]any{"summary": court}); err != nil {
		return 2, err
	}
	switch {
	case court.Requests == 0:
		return 2, errors.New("no request on stdin: there was nothing to judge")
	case court.Disagreements > 0:
		return 1, nil
	default:
		return 0, nil
	}
}
