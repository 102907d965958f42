package intake

import (
	"bytes"
	"context"
	"encoding/xml"
	"io"
	"strconv"
)

// A workbook of a hundred kilobytes unpacks to millions of elements of a few bytes each,
// of which every one costs a microsecond and more memory than it is long. So what is
// read is bounded by number too.
const (
	// maxElements is how many elements are read of a workbook at most, in all its parts:
	// those of MaxLines of about fourteen cells.
	maxElements = 3_000_000
	// maxTexts is how many texts the sheets of a workbook share at most.
	maxTexts = 500_000
	// maxRelations is how many parts a part names at most.
	maxRelations = 1000
	// maxLevels is how deep elements lie in each other at most.
	maxLevels = 100
	// maxTag is how many bytes there are at most without the end of a tag: a text, or the
	// attributes of an element.
	maxTag = 256 << 10
	// maxOpened is how many bytes are read of a part that only names others.
	maxOpened = 4 << 20
	// often is after how many elements it is looked whether anybody still waits.
	often = 1000
)

// bound is how many bytes are read of a part, and how many elements of a workbook.
type bound struct {
	bytes    int64
	elements int
}

// What is read before a file has its turn is little.
var (
	opening = bound{maxOpened, 10 * maxRelations}
	reading = bound{maxUnpacked, maxElements}
)

// tagReader reads XML in which each tag ends soon: an element is in memory with all its
// attributes before anybody can count them.
type tagReader struct {
	io.Reader
	since int   // bytes since a tag ended
	err   error // that one did not
}

// Read implements io.Reader.
func (r *tagReader) Read(b []byte) (int, error) {
	n, err := r.Reader.Read(b)
	if bytes.IndexByte(b[:n], '>') >= 0 {
		r.since = 0
	}
	if r.since += n; r.since > maxTag {
		r.err = tooLarge("bytes of a tag", strconv.Itoa(maxTag))
		return 0, r.err
	}
	return n, err
}

// tokenReader reads the tokens of XML as far as its bounds reach, and while ctx lasts.
type tokenReader struct {
	from     *xml.Decoder
	ctx      context.Context
	most     int
	elements *int // how many were read, also in other parts
	levels   int
	err      error // why no more is read
}

// Token implements xml.TokenReader.
func (r *tokenReader) Token() (xml.Token, error) {
	token, err := r.from.RawToken()
	switch token.(type) {
	case xml.EndElement:
		r.levels--
	case xml.StartElement:
		r.levels++
		if *r.elements++; *r.elements%often == 0 {
			r.err = r.ctx.Err()
		}
	}
	switch {
	case r.levels > maxLevels:
		r.err = tooLarge("levels", strconv.Itoa(maxLevels))
	case *r.elements > r.most:
		r.err = tooLarge("elements", strconv.Itoa(r.most))
	}
	if r.err != nil {
		return nil, r.err
	}
	return token, err
}
