package main

import (
	"fmt"
	"strings"

	"sigs.k8s.io/kustomize/kyaml/kio"
)

// court runs every judge on every document, and counts what each of them could read.
type court struct {
	Requests      int              `json:"requests"`
	Documents     int              `json:"documents"`
	Disagreements int              `json:"disagreements"`
	Judges        map[string]*work `json:"judges"`
}

// work counts what one judge did.
type work struct {
	Judged int `json:"judged"`
	// Changed counts the judged documents that need at least one annotation.
	Changed int `json:"changed"`
	// Refused counts the documents that the judge's library cannot read; for helm4, streams.
	Refused int `json:"refused"`
}

func newCourt() *court {
	judges := map[string]*work{"bytes": {}, "helm4": {}}
	for _, r := range readers {
		judges[r.name] = &work{}
	}
	return &court{Judges: judges}
}

func (c *court) judge(r request) []disagreement {
	c.Requests++
	var found []disagreement
	object := func(judge string, document int, format string, values ...any) {
		c.Disagreements++
		found = append(found, disagreement{r.Name, judge, document, fmt.Sprintf(format, values...)})
	}

	if strings.TrimSpace(r.Input) == "" {
		// Helm 4 refuses output of only white space, and finds a marker only after a line feed.
		want := r.Input + "---\n"
		if r.Input != "" && !strings.HasSuffix(r.Input, "\n") {
			want = r.Input + "\n---\n"
		}
		if r.Output != want {
			object("bytes", 0, "no document in the input: the output must be %q, not %q", want, r.Output)
		}
		return found
	}
	c.judgeStream(r, object)

	inputs, outputs := splitDocuments(r.Input), splitDocuments(r.Output)
	if len(inputs) != len(outputs) {
		object("bytes", 0, "%d documents became %d", len(inputs), len(outputs))
		return found
	}
	for i := range inputs {
		c.Documents++
		c.judgeDocument(inputs[i], outputs[i], r, func(judge, format string, values ...any) {
			object(judge, i+1, format, values...)
		})
	}
	return found
}

// judgeStream checks that Helm 4 can read the output if it can read the input.
func (c *court) judgeStream(r request, object func(string, int, string, ...any)) {
	before, after := helm4Reads(r.Input), helm4Reads(r.Output)
	if before != nil {
		c.Judges["helm4"].Refused++
		return
	}
	c.Judges["helm4"].Judged++
	if after != nil {
		object("helm4", 0, "it reads the input but not the output: %v", after)
	}
}

func helm4Reads(stream string) (err error) {
	defer recovered(&err)
	_, err = kio.ParseAll(stream)
	return err
}

func (c *court) judgeDocument(input, output string, r request, object func(judge, format string, values ...any)) {
	read, insertions, results, policy := 0, 0, 0, r.DefaultPolicy
	for _, reader := range readers {
		work := c.Judges[reader.name]
		before, refusal := reader.read(input)
		if refusal != nil {
			work.Refused++
			// An input with YAML's NULL or ~ becomes JSON when a default policy replaces the null.
			mended := reader.name == "json" && policy != "" && (read > 0 || r.Vouched)
			if input != output && !mended {
				if _, err := reader.read(output); err == nil {
					object(reader.name, "it cannot read the input (%v), but it reads the output", refusal)
				}
			}
			continue
		}
		read++
		work.Judged++
		after, err := reader.read(output)
		if err != nil {
			object(reader.name, "it reads the input but not the output: %v", err)
			continue
		}
		if policy == "" {
			policy = functionPolicy(before)
		}
		if key := undecided(before, policy); key != "" {
			object(reader.name, "the key %s is there twice and decides: jobsweep must refuse the stream", key)
			continue
		}
		after, reported, why := withoutNewResults(before, after)
		if why != "" {
			object(reader.name, "%s", why)
		}
		results = max(results, reported)
		want, added := translate(before, policy)
		if added > 0 {
			work.Changed++
		}
		insertions = max(insertions, added)
		if why := difference("", want, after); why != "" {
			object(reader.name, "%s", why)
		}
	}

	bytes := c.Judges["bytes"]
	bytes.Judged++
	if input == output {
		return
	}
	bytes.Changed++
	switch {
	case read == 0 && r.Vouched:
		added := strings.Count(output, kotsPolicy) - strings.Count(input, kotsPolicy)
		if why := lostBytes(input, output, added, policy != ""); why != "" {
			object("bytes", "%s", why)
		}
	case read == 0:
		object("bytes", "the document was changed, and no library can read it")
	case results > 0:
		m := matcher{in: input, out: output}
		if at, ok := m.inOrder(); !ok {
			object("bytes", "a byte of the input is lost, at %q", excerpt(input, at))
		}
	case insertions == 0:
		object("bytes", "the document was changed, and there is nothing to add to it")
	default:
		if why := lostBytes(input, output, insertions, policy != ""); why != "" {
			object("bytes", "%s", why)
		}
	}
}
