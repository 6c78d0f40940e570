package controls

import (
	"fmt"
	"math"
	"slices"
)

// A V4L2Value is what VIDIOC_S_CTRL takes, or VIDIOC_S_EXT_CTRLS.
type V4L2Value struct {
	ID    uint32
	Value int32
	Name  string // of our control that it is for
}

// A Range is what VIDIOC_QUERYCTRL says of a device's control. Menu is what
// VIDIOC_QUERYMENU says; nil allows all of the range.
type Range struct {
	Min, Max, Step, Default int32
	Menu                    map[int32]string
}

// The controls of V4L2, from linux/v4l2-controls.h.
const (
	idBrightness   = 0x980900
	idContrast     = 0x980901
	idSaturation   = 0x980902
	idAutoBalance  = 0x98090c
	idRedBalance   = 0x98090e
	idBlueBalance  = 0x98090f
	idGain         = 0x980913
	idHFlip        = 0x980914
	idVFlip        = 0x980915
	idPowerLine    = 0x980918
	idKelvin       = 0x98091a
	idSharpness    = 0x98091b
	idBacklight    = 0x98091c
	idColorEffect  = 0x98091f
	idRotate       = 0x980922
	idLevel        = 0x990a67
	idProfile      = 0x990a6b
	idExposureMode = 0x9a0901
	idExposure     = 0x9a0902
	idFocus        = 0x9a090a
	idAutoFocus    = 0x9a090c
	idZoom         = 0x9a090d
	idCompensation = 0x9a0913
	idBalanceMode  = 0x9a0914
	idStabilize    = 0x9a0916
	idISO          = 0x9a0917
	idAutoISO      = 0x9a0918
	idMetering     = 0x9a0919
	idScene        = 0x9a091a
)

// The values of idExposureMode.
const (
	exposureAuto             = 0
	exposureManual           = 1
	exposureShutterPriority  = 2
	exposureAperturePriority = 3
)

// bcm2835 are the controls of that driver, by its source.
var bcm2835 = map[uint32]Range{
	idBrightness:   {Max: 100, Step: 1, Default: 50},
	idContrast:     {Min: -100, Max: 100, Step: 1},
	idSaturation:   {Min: -100, Max: 100, Step: 1},
	idRedBalance:   {Min: 1, Max: 7999, Step: 1, Default: 1000},
	idBlueBalance:  {Min: 1, Max: 7999, Step: 1, Default: 1000},
	idHFlip:        {Max: 1, Step: 1},
	idVFlip:        {Max: 1, Step: 1},
	idPowerLine:    {Max: 3, Step: 1, Default: 1},
	idSharpness:    {Min: -100, Max: 100, Step: 1},
	idColorEffect:  {Max: 15, Step: 1},
	idRotate:       {Max: 360, Step: 90},
	idLevel:        {Max: 11, Step: 1, Default: 11},
	idProfile:      {Max: 4, Step: 1, Default: 4, Menu: map[int32]string{0: "Baseline", 1: "Constrained Baseline", 2: "Main", 4: "High"}},
	idExposureMode: {Max: 1, Step: 1},
	idExposure:     {Min: 1, Max: 10000, Step: 1, Default: 1000},
	idCompensation: {Max: 24, Step: 1, Default: 12},
	idBalanceMode:  {Max: 9, Step: 1, Default: 1},
	idStabilize:    {Max: 1, Step: 1},
	idISO:          {Max: 4, Step: 1},
	idAutoISO:      {Max: 1, Step: 1, Default: 1},
	idMetering:     {Max: 2, Step: 1},
	idScene:        {Max: 11, Step: 1, Menu: map[int32]string{0: "None", 8: "Night", 11: "Sports"}},
}

// usual are the controls that cameras of other drivers may have.
var usual = map[uint32]bool{
	idBrightness: true, idContrast: true, idSaturation: true, idSharpness: true, idGain: true, idBacklight: true, idAutoBalance: true, idKelvin: true,
	idExposureMode: true, idExposure: true, idFocus: true, idAutoFocus: true, idZoom: true, idPowerLine: true,
}

// V4L2 returns the values to set on a device, mode switches before the values
// that need them. driver is what VIDIOC_QUERYCAP says, and query asks the
// device for the range of a control that it has. The problems name what it
// cannot do, and who can; the values are without that.
func (s Settings) V4L2(driver string, query func(id uint32) (Range, bool)) (values []V4L2Value, problems []Problem) {
	t := &target{s: s, kind: KindOfDriver(driver), query: query}
	t.translate()
	return t.values, s.elsewhere(t.kind, t.problems)
}

// V4L2Change returns the values to set on a device on which old is in force:
// what only old asked for goes back to the device's default, then what is new
// is set. Problems are those of s.
func (s Settings) V4L2Change(old Settings, driver string, query func(id uint32) (Range, bool)) (values []V4L2Value, problems []Problem) {
	wanted, problems := s.V4L2(driver, query)
	inForce, _ := old.V4L2(driver, query)
	// Backwards: a value before the mode that it can be set in.
	for _, was := range slices.Backward(inForce) {
		kept := slices.ContainsFunc(wanted, func(v V4L2Value) bool { return v.ID == was.ID })
		if r, ok := query(was.ID); ok && !kept {
			values = append(values, V4L2Value{was.ID, r.Default, was.Name})
		}
	}
	for _, v := range wanted {
		same := slices.ContainsFunc(inForce, func(was V4L2Value) bool { return v.ID == was.ID && v.Value == was.Value })
		if !same {
			values = append(values, v)
		}
	}
	return values, problems
}

// has reports whether the device has a control, and a range that makes sense.
func (t *target) has(id uint32) (Range, bool) {
	if t.query == nil {
		return Range{}, false
	}
	r, ok := t.query(id)
	r.Default = min(max(r.Default, r.Min), r.Max)
	r.Step = max(r.Step, 1)
	return r, ok && r.Min <= r.Max
}

// need is has, and reports what is missing.
func (t *target) need(id uint32) (Range, bool) {
	r, ok := t.has(id)
	if !ok {
		t.fail(fmt.Sprintf("this camera does not have it (V4L2 control %#x)", id), "")
	}
	return r, ok
}

func (t *target) put(id uint32, value int32) {
	t.values = append(t.values, V4L2Value{id, value, t.name})
}

// nearest is the device's value that is next to f.
func (r Range) nearest(f float64) int32 {
	step := float64(r.Step)
	f = float64(r.Min) + math.Round((f-float64(r.Min))/step)*step
	if f > float64(r.Max) {
		f -= step // the range need not end on a step
	}
	return int32(min(max(f, float64(r.Min)), float64(r.Max)))
}

// allows reports whether a value is in the range, and in its menu.
func (r Range) allows(value int32) bool {
	_, listed := r.Menu[value]
	return value >= r.Min && value <= r.Max && (r.Menu == nil || listed)
}

// putExact sets a value that has no near one, or reports that the device does
// not have it.
func (t *target) putExact(id uint32, value int32, v any) {
	r, ok := t.need(id)
	switch {
	case !ok:
	case !r.allows(value):
		t.fail(fmt.Sprintf("this camera cannot do %s (value %d of V4L2 control %#x)", show(v), value, id), "")
	default:
		t.put(id, value)
	}
}

// putBalance sets a value of -1 to 1 as far from the device's default towards
// an end of its range.
func (t *target) putBalance(id uint32, f float64) {
	if r, ok := t.need(id); ok {
		end := float64(r.Max)
		if f < 0 {
			end = float64(r.Min)
		}
		middle := float64(r.Default)
		t.put(id, r.nearest(middle+math.Abs(f)*(end-middle)))
	}
}

// putPortion sets a value of 0 to 1 over the whole of the device's range.
func (t *target) putPortion(id uint32, f float64) {
	if r, ok := t.need(id); ok {
		t.put(id, r.nearest(float64(r.Min)+f*(float64(r.Max)-float64(r.Min))))
	}
}

// putFirst sets a mode switch to the first of the values that it has. A device
// without the switch needs none.
func (t *target) putFirst(id uint32, values ...int32) {
	r, ok := t.has(id)
	if !ok {
		return
	}
	for _, v := range values {
		if r.allows(v) {
			t.put(id, v)
			return
		}
	}
}

// balanceOf is a control of -1 to 1.
func balanceOf(id uint32) say { return func(t *target, v any) { t.putBalance(id, v.(float64)) } }

// menuOf is a choice.
func menuOf(id uint32, words map[string]int32) say {
	return func(t *target, v any) {
		if value, ok := words[v.(string)]; ok {
			t.putExact(id, value, v)
		} else {
			t.refuseValue(v)
		}
	}
}

// switchOf is on or off.
func switchOf(id uint32) say {
	return func(t *target, v any) {
		value := int32(0)
		if v.(bool) {
			value = 1
		}
		t.putExact(id, value, v)
	}
}

var powerLine = map[string]int32{"off": 0, "50hz": 1, "60hz": 2, "auto": 3}

// putShutter sets microseconds, in the unit of 100 that V4L2 has.
func (t *target) putShutter(us int, manual ...int32) {
	r, ok := t.need(idExposure)
	if !ok {
		return
	}
	value := math.Round(float64(us) / 100)
	if value < float64(r.Min) || value > float64(r.Max) {
		t.fail(fmt.Sprintf("want %d to %d microseconds on this camera, got %d", 100*int64(r.Min), 100*int64(r.Max), us), "0 is automatic")
		return
	}
	t.putFirst(idExposureMode, manual...)
	t.put(idExposure, r.nearest(value))
}
