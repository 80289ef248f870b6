// Command judge checks jobsweep's filter with the Go libraries with which Helm reads manifests, in the versions of
// Helm 4.3.1. Helm 3.22 has the same sigs.k8s.io/yaml. The libraries share no code with jobsweep.
//
// Run it in this folder:
//
//	go run . < requests.jsonl     # judges
//	go test ./...                 # shows that the judges find every kind of wrong output
//
// Each line is a request: {"name": "...", "defaultPolicy": "", "input": "...", "output": "..."}. The output is what
// jobsweep wrote for the input, and defaultPolicy is the value of --default-policy or "". Inputs that jobsweep refuses
// have no output, and are not judged. All texts are UTF-8.
// A document that no library can read must not change, unless the request has "vouched": true because a YAML 1.2 reader
// accepts the document. Then only its bytes are judged.
//
// The program prints a line for each disagreement, {"name", "judge", "document", "why"}, and a last line with counts.
// The judges:
//
//	sigs   sigs.k8s.io/yaml, with which Helm and kubectl read what they send to the API server
//	kyaml  sigs.k8s.io/kustomize/kyaml, with which Helm 4 reads the streams before and after a post-renderer
//	json   encoding/json, with which kubectl reads documents that are JSON
//	helm4  kio.ParseAll, with which Helm 4 splits a post-renderer's output: it must read the output if it reads the input
//	bytes  no library: all bytes of the input are in the output, in order, around the insertions
//
// The first three read each document of input and output, derive from the specification what the output must mean
// (meaning.go), and compare. The exit code is 0 if all judges agree, 1 if one disagrees, 2 if there is no valid request.
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
	// Vouched means that another reader accepts all documents as YAML, even if no library here can read them.
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
