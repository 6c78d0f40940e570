package ingest

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"venuecast/flv"
)

const (
	// A disk that pauses, as memory cards do for seconds, must not show as a
	// network that does: this much waits for it.
	maxQueuedTags  = 2048
	maxQueuedBytes = 64 << 20

	maxSameName = 1000 // recordings begun in one second
)

var errSlowDisk = errors.New("the disk cannot keep up")

// A recording writes one session to an FLV file. Its goroutine ends with close.
type recording struct {
	name   string // of the file
	tags   chan flv.Tag
	queued atomic.Int64 // bytes in tags
	done   chan struct{}

	mu  sync.Mutex
	err error // why it ended before its session did
}

// record begins a recording in dir, in a file of its own that was not there.
func record(dir string, role Role, now time.Time) (*recording, error) {
	file, err := create(dir, now.Format("20060102-150405")+"-"+string(role))
	if err != nil {
		return nil, err
	}
	r := &recording{name: file.Name(), tags: make(chan flv.Tag, maxQueuedTags), done: make(chan struct{})}
	go r.run(file)
	return r, nil
}

func create(dir, base string) (*os.File, error) {
	for n := 1; ; n++ {
		name := filepath.Join(dir, base)
		if n > 1 {
			name += fmt.Sprintf("-%d", n)
		}
		f, err := os.OpenFile(name+".flv", os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o644) // #nosec G302 G304 -- a recording is for whoever may read the folder, which the operator named
		if !errors.Is(err, fs.ErrExist) || n == maxSameName {
			return f, err
		}
	}
}

// add hands a message on to the file; it copies it, and does not wait.
func (r *recording) add(f frame) {
	if len(f.body) == 0 {
		return
	}
	dts := time.Duration(f.at) * time.Millisecond
	tag := flv.Tag{Type: f.kind, DTS: dts, PTS: dts + f.cts, Keyframe: f.key, Header: f.header, Body: append([]byte(nil), f.body...)}
	if r.failed() != nil {
		return
	}
	if r.queued.Add(int64(len(tag.Body))) <= maxQueuedBytes {
		select {
		case r.tags <- tag:
			return
		default:
		}
	}
	r.queued.Add(-int64(len(tag.Body)))
	r.fail(errSlowDisk)
}

// close waits until all that was added is in the file. No add may follow.
func (r *recording) close() {
	close(r.tags)
	<-r.done
}

func (r *recording) failed() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.err
}

func (r *recording) fail(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.err == nil {
		r.err = err
	}
}

func (r *recording) run(file *os.File) {
	defer close(r.done)
	size := &sizeWriter{file: file}
	w := flv.NewWriter(size, true, true)
	var has byte
	var whole int64 // bytes of the file that end with a tag
	for tag := range r.tags {
		r.queued.Add(-int64(len(tag.Body)))
		if size.err != nil {
			continue // the session goes on without
		}
		if err := w.WriteTag(tag); err != nil {
			if size.err != nil {
				r.fail(size.err)
			}
			continue
		}
		whole = size.n
		switch tag.Type {
		case flv.TypeAudio:
			has |= flvHasAudio
		case flv.TypeVideo:
			has |= flvHasVideo
		}
	}
	err := finish(file, whole, has)
	if err = errors.Join(err, file.Close()); err != nil {
		r.fail(err)
	}
}

// The flags of an FLV file's header [E.2], and where they stand.
const (
	flvHasVideo = 1 << 0
	flvHasAudio = 1 << 2
	flvFlagsAt  = 4
)

// finish makes the file end with a whole tag, and say what is in it: a player
// would wait for a sound that never comes.
func finish(file *os.File, whole int64, has byte) error {
	if err := file.Truncate(whole); err != nil || whole == 0 {
		return err
	}
	_, err := file.WriteAt([]byte{has}, flvFlagsAt)
	return err
}

// A sizeWriter counts what a file has taken.
type sizeWriter struct {
	file *os.File
	n    int64
	err  error
}

func (w *sizeWriter) Write(p []byte) (int, error) {
	n, err := w.file.Write(p)
	w.n += int64(n)
	if err != nil {
		w.err = err
	}
	return n, err
}
