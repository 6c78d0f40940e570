package controls

// A Kind is a sort of camera that knows its own set of controls.
type Kind string

// The kinds, named as an operator knows them.
const (
	KindRpicam   Kind = "rpicam-vid"   // and libcamera-vid, as it was called
	KindRaspivid Kind = "raspivid"     // of the legacy camera stack
	KindBCM2835  Kind = "bcm2835-v4l2" // the legacy stack's V4L2 driver
	KindUVC      Kind = "a UVC camera" // and what else has V4L2's usual controls
)

// kinds are all of them.
var kinds = []Kind{KindRpicam, KindRaspivid, KindBCM2835, KindUVC}

// KindOfDriver is the kind of a V4L2 device whose driver VIDIOC_QUERYCAP names.
func KindOfDriver(driver string) Kind {
	switch driver {
	case "bcm2835 mmal", "bm2835 mmal": // now, and in older kernels
		return KindBCM2835
	}
	return KindUVC
}

// Capable returns the names of the controls that a kind has, in the order of
// the table. A tool's version and a device may have fewer.
func Capable(k Kind) []string {
	var all []string
	for i := range specs {
		if specs[i].on(k) != nil {
			all = append(all, specs[i].Name)
		}
	}
	return all
}

// Check returns what the kinds that a source may turn out to be cannot do, none
// of them: before any camera is there to be asked. Without kinds, that is
// everything but what a camera does by itself.
func (s Settings) Check(source string, kinds ...Kind) []Problem {
	able := map[string]bool{}
	var problems []Problem
	for i, k := range kinds {
		found := s.ideal(k)
		failed := map[string]bool{}
		for _, p := range found {
			failed[p.Name] = true
		}
		for name := range s.values {
			able[name] = able[name] || !failed[name]
		}
		if i == 0 {
			problems = found
		}
	}
	var all []Problem
	for _, p := range s.elsewhere("", problems) {
		if !able[p.Name] {
			all = append(all, p)
		}
	}
	if len(kinds) == 0 {
		for _, name := range s.Names() {
			if s.asks(name) {
				all = append(all, Problem{Name: name, Message: "the source " + source + " has no controls"})
			}
		}
		all = s.elsewhere("", all)
	}
	return all
}

// elsewhere says who else than one kind can, where a problem has no hint.
func (s Settings) elsewhere(than Kind, problems []Problem) []Problem {
	for i := range problems {
		if p := &problems[i]; p.Hint == "" {
			p.Hint = s.able(p.Name, than)
		}
	}
	return problems
}

func (s Settings) able(name string, than Kind) string {
	var able []string
	for _, k := range kinds {
		can := k != than
		for _, p := range s.ideal(k) {
			can = can && p.Name != name
		}
		if can {
			able = append(able, string(k))
		}
	}
	if len(able) == 0 {
		return "no other camera can"
	}
	return listed(able, "and") + " can"
}

// ideal translates for the best camera of a kind that there is, and returns
// what even that cannot do.
func (s Settings) ideal(k Kind) []Problem {
	t := s.idealTarget(k)
	t.translate()
	return t.problems
}

func (s Settings) idealTarget(k Kind) *target {
	t := &target{s: s, kind: k, tool: newest}
	switch k {
	case KindBCM2835:
		t.query = func(id uint32) (Range, bool) { r, ok := bcm2835[id]; return r, ok }
	case KindUVC:
		t.query = func(id uint32) (Range, bool) { return Range{Min: 0, Max: 1 << 30, Step: 1}, usual[id] }
	}
	return t
}
