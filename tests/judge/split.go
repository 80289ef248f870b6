package main

import "strings"

// splitDocuments splits a stream into its documents with their directives and markers. Joined, they are the stream.
// A line that begins with `---` or `...`, alone or followed by white space, is always a marker, because the YAML
// specification forbids such a line inside scalars.
func splitDocuments(stream string) []string {
	var documents []string
	start := 0
	// Comments, blank lines and directives before a `---` belong to the document after it.
	prefixOnly := true
	for at := 0; at < len(stream); {
		end := lineEnd(stream, at)
		line := strings.TrimPrefix(strings.TrimRight(stream[at:end], "\r\n"), "\ufeff")
		switch {
		case isMarker(line, "---"):
			if !prefixOnly {
				documents = append(documents, stream[start:at])
				start = at
			}
			prefixOnly = false
		case isMarker(line, "..."):
			documents = append(documents, stream[start:end])
			start, prefixOnly = end, true
		case prefixOnly:
			text := strings.TrimLeft(line, " \t")
			prefixOnly = text == "" || text[0] == '#' || line[0] == '%'
		}
		at = end
	}
	if start < len(stream) {
		documents = append(documents, stream[start:])
	}
	return documents
}

func isMarker(line, marker string) bool {
	rest, found := strings.CutPrefix(line, marker)
	return found && (rest == "" || rest[0] == ' ' || rest[0] == '\t')
}

// lineEnd returns the end of the line at this position, including its break (LF, CRLF or CR).
func lineEnd(s string, at int) int {
	i := strings.IndexAny(s[at:], "\r\n")
	if i < 0 {
		return len(s)
	}
	if strings.HasPrefix(s[at+i:], "\r\n") {
		i++
	}
	return at + i + 1
}
