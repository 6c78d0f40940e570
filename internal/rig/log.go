package rig

import (
	"fmt"
	"strings"
)

// parseLog reads a feeder's log, also while it is being written. ended says
// that the feed has been played to its end.
func parseLog(text string) (sent []Sent, ended bool, err error) {
	begun := false
	for line := range strings.Lines(text) {
		body, whole := strings.CutSuffix(line, "\n")
		switch {
		case !whole: // to be continued
		case body == logBegin && begun:
			return nil, false, errFedTwice
		case body == logBegin:
			begun = true
		case body == logEnd:
			ended = true
		default:
			var s Sent
			if _, err := fmt.Sscanf(body, sentFormat, &s.N, &s.Taken, &s.Finished, &s.Bytes, &s.Keyframe, &s.Fingerprint); err != nil {
				return nil, false, fmt.Errorf("read the feeder's log: %q: %w", body, err)
			}
			sent = append(sent, s)
		}
	}
	return sent, ended, nil
}
