package intake

import (
	"bytes"
	"context"
	"encoding/xml"
	"io"
	"strconv"

	"github.com/duban-project/duban/services/aggregation/reports"
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
		r.err = tooLongTag.than(maxTag)
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
		r.err = tooManyLevels.than(maxLevels)
	case *r.elements > r.most:
		r.err = tooManyElements.than(r.most)
	}
	if r.err != nil {
		return nil, r.err
	}
	return token, err
}

// excess is what a file may have too much of.
type excess struct {
	zh, en string // as it is counted
	helps  advice
}

// advice is what helps whoever sent too much.
type advice struct{ zh, en string }

// Of lines and what grows with them there are fewer in a part of the file.
var (
	part    = advice{"请拆分报送", "part it"}
	shorten = advice{"请缩短单元格的内容", "shorten what stands in the cell"}
	drop    = advice{"请删除多余的栏", "leave columns out"}
	anew    = advice{"请另存为新文件后报送", "save it anew as a plain table"}

	tooManyLines     = excess{"行", "lines", part}
	tooManyValues    = excess{"个数值", "values", part}
	tooManyBytes     = excess{"字节（解压后）", "bytes", part}
	tooManyElements  = excess{"个元素", "elements", part}
	tooManyTexts     = excess{"个文本", "texts", part}
	tooManyColumns   = excess{"栏", "columns", drop}
	tooLongCell      = excess{"字节每格", "bytes in a cell", shorten}
	tooLongTag       = excess{"字节每个标签", "bytes of a tag", anew}
	tooManyRelations = excess{"个部件关系", "relations", anew}
	tooManyLevels    = excess{"层嵌套", "levels", anew}
)

// than refuses a file that has more than limit, and says what helps.
func (e excess) than(limit int) error {
	n := strconv.Itoa(limit) + " "
	return reports.ErrFileTooLarge.Say("limit", n+e.zh, n+e.en).At("content", e.helps.zh, e.helps.en)
}
