package main

import "strings"

// splitDocuments cuts a stream into its documents, each with its directives and markers; joined again they are the stream.
// A line that is `---` or `...` at column 0, alone or followed by white space, is a marker wherever it stands: the
// YAML specification forbids such a line inside every kind of scalar.
func splitDocuments(stream string) []string {
	var documents []string
	start := 0
	// Comments, blank lines and directives before a `---` belong to the document that it opens.
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

// lineEnd is where the line at this place ends, its break (LF, CRLF or CR) included.
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
