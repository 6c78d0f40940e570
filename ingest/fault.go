package ingest

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Faults are the ways in which an ingest misbehaves on request. The zero value
// behaves well.
type Faults struct {
	Refuse  bool // nothing listens: connections are refused
	BadName bool // every stream key is refused
	Silent  bool // connections are taken, and never answered

	CloseAfter time.Duration // each session is closed at this age; 0: never

	// Each session is not read from for Stall, once it is StallAt old.
	Stall, StallAt time.Duration

	Slow int64 // bits a second that are read of each session; 0: all

	ResetWithoutMetadata bool // media before onMetaData resets the connection
	NoAcks               bool // nothing is ever acknowledged
	TinyWindow           bool // a window of tinyWindow bytes is announced
}

// tinyWindow is less than a packet: an encoder that holds to it waits for an
// acknowledgement behind each.
const tinyWindow = 1000

// A FaultHelp is what an operator has to know of a fault.
type FaultHelp struct {
	Syntax string // as it is asked for
	What   string // what this ingest does then
}

// A fault is one that can be asked for.
type fault struct {
	FaultHelp
	alone bool // leaves nothing for another fault to act on
	set   func(f *Faults, value string) error
}

func (f fault) name() string {
	name, _, _ := strings.Cut(f.Syntax, "=")
	return name
}

// flag makes a fault that has no value.
func flag(set func(f *Faults)) func(*Faults, string) error {
	return func(f *Faults, value string) error {
		if value != "" {
			return errors.New("takes no value")
		}
		set(f)
		return nil
	}
}

var faults = []fault{
	{FaultHelp{"refuse", "refuses connections: nothing listens on the port"}, true, flag(func(f *Faults) { f.Refuse = true })},
	{FaultHelp{"badname", "refuses every stream key, as one that is unknown or in use"}, true, flag(func(f *Faults) { f.BadName = true })},
	{FaultHelp{"silent", "takes connections, and never says a word"}, true, flag(func(f *Faults) { f.Silent = true })},
	{FaultHelp{"close-after=30s", "closes each session once it is that old"}, false, func(f *Faults, value string) (err error) {
		f.CloseAfter, err = faultTime(value)
		return err
	}},
	{FaultHelp{"stall=10s@60s", "reads nothing for 10 s, 60 s into each session"}, false, func(f *Faults, value string) error {
		length, at, ok := strings.Cut(value, "@")
		if !ok {
			return errors.New("wants a length and a time, such as 10s@60s")
		}
		var err1, err2 error
		f.Stall, err1 = faultTime(length)
		f.StallAt, err2 = faultTime(at)
		return errors.Join(err1, err2)
	}},
	{FaultHelp{"slow=2M", "reads no more than 2 Mbit/s of each session"}, false, func(f *Faults, value string) (err error) {
		f.Slow, err = faultRate(value)
		return err
	}},
	{FaultHelp{"reset-without-metadata", "resets a connection whose first media comes before onMetaData"}, false, flag(func(f *Faults) { f.ResetWithoutMetadata = true })},
	{FaultHelp{"no-acks", "acknowledges nothing of what it reads"}, false, flag(func(f *Faults) { f.NoAcks = true })},
	{FaultHelp{"tiny-window", fmt.Sprintf("announces a window of %d bytes, in place of 2.5 MB", tinyWindow)}, false, flag(func(f *Faults) { f.TinyWindow = true })},
}

// FaultsHelp lists what can be asked for.
func FaultsHelp() []FaultHelp {
	help := make([]FaultHelp, len(faults))
	for i, f := range faults {
		help[i] = f.FaultHelp
	}
	return help
}

// ParseFaults reads faults as an operator writes them, one an item. The error
// lists what there is.
func ParseFaults(items []string) (Faults, error) {
	var f Faults
	asked := map[string]bool{}
	alone := ""
	for _, item := range items {
		name, value, _ := strings.Cut(item, "=")
		known, ok := findFault(name)
		switch {
		case !ok:
			return Faults{}, faultError(item, "there is no such fault")
		case asked[name]:
			return Faults{}, faultError(item, "is asked for twice")
		case strings.HasSuffix(item, "="):
			return Faults{}, faultError(item, "has no value")
		}
		if err := known.set(&f, value); err != nil {
			return Faults{}, faultError(item, err.Error())
		}
		asked[name] = true
		if known.alone {
			alone = name
		}
	}
	if alone != "" && len(asked) > 1 {
		return Faults{}, faultError(alone, "leaves nothing for another fault to act on")
	}
	return f, nil
}

func findFault(name string) (fault, bool) {
	for _, f := range faults {
		if f.name() == name {
			return f, true
		}
	}
	return fault{}, false
}

func faultError(item, problem string) error {
	var b strings.Builder
	fmt.Fprintf(&b, "fault %q: %s; the faults are:", item, problem)
	for _, f := range faults {
		fmt.Fprintf(&b, "\n  %-23s %s", f.Syntax, f.What)
	}
	return errors.New(b.String())
}

func faultTime(value string) (time.Duration, error) {
	d, err := time.ParseDuration(value)
	if err != nil || d <= 0 {
		return 0, fmt.Errorf("wants a time such as 30s, not %q", value)
	}
	return d, nil
}

// Rates from minRate let a session get as far as its first picture; those
// beyond maxRate would slow nothing.
const (
	minRate = 1e3
	maxRate = 1e9
)

func faultRate(value string) (int64, error) {
	number, unit := value, 1.0
	switch {
	case strings.HasSuffix(value, "k"):
		number, unit = strings.TrimSuffix(value, "k"), 1e3
	case strings.HasSuffix(value, "M"):
		number, unit = strings.TrimSuffix(value, "M"), 1e6
	}
	v, err := strconv.ParseFloat(number, 64)
	if v *= unit; err != nil || !(v >= minRate && v <= maxRate) { // NaN fails as well
		return 0, fmt.Errorf("wants bits a second such as 500k or 2M, not %q", value)
	}
	return int64(v), nil
}

// List names the faults that are on, as they are asked for.
func (f Faults) List() []string {
	var list []string
	add := func(on bool, text string) {
		if on {
			list = append(list, text)
		}
	}
	add(f.Refuse, "refuse")
	add(f.BadName, "badname")
	add(f.Silent, "silent")
	add(f.CloseAfter > 0, f.closeName())
	add(f.Stall > 0, f.stallName())
	add(f.Slow > 0, f.slowName())
	add(f.ResetWithoutMetadata, "reset-without-metadata")
	add(f.NoAcks, "no-acks")
	add(f.TinyWindow, "tiny-window")
	return list
}

func (f Faults) closeName() string { return "close-after=" + shortDuration(f.CloseAfter) }
func (f Faults) stallName() string {
	return "stall=" + shortDuration(f.Stall) + "@" + shortDuration(f.StallAt)
}

func (f Faults) slowName() string {
	switch {
	case f.Slow%1e6 == 0:
		return fmt.Sprintf("slow=%dM", int64(f.Slow/1e6))
	case f.Slow%1e3 == 0:
		return fmt.Sprintf("slow=%dk", int64(f.Slow/1e3))
	}
	return fmt.Sprintf("slow=%d", f.Slow)
}

// shortDuration is d without the zeros that its String ends in.
func shortDuration(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}
