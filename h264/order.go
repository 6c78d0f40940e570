package h264

// pictureOrder derives the picture order count of each picture from the slice
// headers, in decoding order [8.2.1].
type pictureOrder struct {
	prevMsb, prevLsb int64 // of the previous reference picture (type 0)
	prevFrameNum     int64 // of the previous picture (types 1 and 2)
	prevOffset       int64 // its FrameNumOffset
}

// next gives the order count of the picture whose first slice is h. A picture
// that forgets all others, IDR or by MMCO 5, starts a new order: fresh is true
// and what is output later is counted from this picture's poc.
func (p *pictureOrder) next(h *SliceHeader, sps *SPS) (poc int64, fresh bool) {
	var top, bottom int64
	if sps.PicOrderCntType == 0 {
		top, bottom = p.type0(h, sps)
	} else {
		top, bottom = p.type1and2(h, sps)
	}
	switch {
	case !h.FieldPic:
		poc = min(top, bottom)
	case h.BottomField:
		poc = bottom
	default:
		poc = top
	}
	if h.MMCO5 {
		// Behind such a picture everything counts as if it had been at 0, its
		// frame_num too [8.2.1, 7.4.3].
		p.prevMsb, p.prevLsb = 0, 0
		if !h.BottomField {
			p.prevLsb = top - poc
		}
		p.prevFrameNum, p.prevOffset = 0, 0
		poc = 0
	}
	return poc, h.IsIDR() || h.MMCO5
}

func (p *pictureOrder) type0(h *SliceHeader, sps *SPS) (top, bottom int64) {
	if h.IsIDR() {
		p.prevMsb, p.prevLsb = 0, 0
	}
	maxLsb := int64(1) << (sps.Log2MaxPicOrderCntLsbMinus4 + 4)
	lsb, msb := int64(h.POCLsb), p.prevMsb
	switch {
	case lsb < p.prevLsb && p.prevLsb-lsb >= maxLsb/2:
		msb += maxLsb
	case lsb > p.prevLsb && lsb-p.prevLsb > maxLsb/2:
		msb -= maxLsb
	}
	if h.RefIDC != 0 {
		p.prevMsb, p.prevLsb = msb, lsb
	}
	top = msb + lsb
	return top, top + int64(h.DeltaPOCBot)
}

func (p *pictureOrder) type1and2(h *SliceHeader, sps *SPS) (top, bottom int64) {
	frameNum := int64(h.FrameNum)
	offset := p.prevOffset
	switch {
	case h.IsIDR():
		offset = 0
	case p.prevFrameNum > frameNum:
		offset += int64(1) << (sps.Log2MaxFrameNumMinus4 + 4)
	}
	p.prevFrameNum, p.prevOffset = frameNum, offset

	if sps.PicOrderCntType == 2 {
		poc := 2 * (offset + frameNum)
		if h.RefIDC == 0 && !h.IsIDR() {
			poc--
		}
		return poc, poc
	}
	cycle := int64(len(sps.OffsetForRefFrames))
	var abs, expected int64
	if cycle != 0 {
		abs = offset + frameNum
	}
	if h.RefIDC == 0 && abs > 0 {
		abs--
	}
	if abs > 0 {
		var perCycle int64
		for _, o := range sps.OffsetForRefFrames {
			perCycle += int64(o)
		}
		expected = (abs - 1) / cycle * perCycle
		for _, o := range sps.OffsetForRefFrames[:(abs-1)%cycle+1] {
			expected += int64(o)
		}
	}
	if h.RefIDC == 0 {
		expected += int64(sps.OffsetForNonRefPic)
	}
	top = expected + int64(h.DeltaPOC[0])
	if h.FieldPic {
		return top, top + int64(sps.OffsetForTopToBottomField)
	}
	return top, top + int64(sps.OffsetForTopToBottomField) + int64(h.DeltaPOC[1])
}

// An Orderer tells how long each picture of a stream waits between its place
// in the stream and its place on the screen. A pipe gives pictures in decoding
// order and no composition times; the picture order count has what is missing.
// The zero value is ready; it is not safe for concurrent use.
type Orderer struct {
	order pictureOrder
	sps   *SPS

	depth, bound int  // of reordering; bound is the most depth may grow to
	exact        bool // depth is not to be learnt
	step         int64

	// hold is how much less the stream reorders than the one before it: so much
	// later it is shown, or its first pictures would come before those that the
	// other still has to show.
	hold int

	started bool
	base    int64 // POC at place 0 of the current order
	place   int64 // the picture's place in decoding order, counted from base
	recent  []int64
	inOrder int  // pictures since one that was shown before an earlier one
	mixed   bool // there has been one since the order count started anew

	window   int // pictures since the smallest delay was last taken stock of
	minDelay int64
}

// recentPictures is how many order counts are remembered to find the smallest
// step between two: more than a decoder can hold back.
const recentPictures = 18

// Depth is the reorder depth in use: how many pictures a picture may wait.
func (o *Orderer) Depth() int { return o.depth }

// Expect says what SPS the next picture refers to, so that Learn applies to it.
func (o *Orderer) Expect(sps *SPS) {
	if sps != o.sps {
		o.adopt(sps)
	}
}

// Learn sets what a look ahead in the stream has found out: the depth, and the
// step of the order count. Both hold until the SPS changes; of a stream that
// names its depth only the step is taken.
func (o *Orderer) Learn(depth int, step int64) {
	if !o.exact {
		o.depth = depth
	}
	if step > 0 {
		o.step = step
	}
}

// Learnt gives what Learn takes.
func (o *Orderer) Learnt() (depth int, step int64) { return o.depth, o.step }

// Delay is PTS-DTS of the picture whose first slice is h, in picture periods
// (field periods for a field): 0 where nothing is reordered, never negative.
// periods is how many went by since the picture before, 1 unless the camera
// left pictures out.
func (o *Orderer) Delay(h *SliceHeader, sps *SPS, periods int) int {
	if sps != o.sps {
		o.adopt(sps)
	}
	before := o.depth
	delay := o.delay(h, sps, periods)
	o.hold = max(0, o.hold-(o.depth-before)) // what is learnt of the depth was held already
	return delay + o.hold
}

// delay is Delay by what this stream says.
func (o *Orderer) delay(h *SliceHeader, sps *SPS, periods int) int {
	poc, fresh := o.order.next(h, sps)
	if o.exact && o.depth == 0 {
		return 0
	}
	if fresh || !o.started {
		o.started = true
		o.base, o.place = poc, 0
		o.recent = append(o.recent[:0], poc)
		o.inOrder, o.mixed = 1, false
		o.window = 0
		return o.depth
	}
	o.place += int64(max(1, periods))
	o.observe(poc)
	if o.depth == 0 && !o.mixed {
		return 0 // every picture so far in order: nothing says otherwise
	}

	delay := int64(o.depth) + (poc-o.base)/o.step - o.place
	if delay < 0 && !o.exact {
		grow := min(int(-delay), o.bound-o.depth)
		o.depth += grow
		delay += int64(grow)
	}
	delay += o.settle(delay)
	return int(min(max(delay, 0), int64(o.depth)+recentPictures))
}

func (o *Orderer) adopt(sps *SPS) {
	before := o.depth + o.hold
	defer func() { o.hold = max(0, before-o.depth) }()
	depth, exact := sps.ReorderDepth()
	if o.sps == nil || exact != o.exact || exact && depth != o.depth {
		o.step = 2
	}
	o.exact, o.bound = exact, depth
	switch {
	case exact:
		o.depth = depth
	case o.sps == nil && o.depth == 0, o.depth > depth:
		o.depth = 0
	}
	if o.step == 0 {
		o.step = 2
	}
	o.sps = sps
}

// observe learns the step of the order count. A frame's two fields make it 2;
// encoders that count frames, or skip, use others.
func (o *Orderer) observe(poc int64) {
	later := true
	smallest := int64(0)
	for _, q := range o.recent {
		d := poc - q
		if d < 0 {
			d, later = -d, false
		}
		if d > 0 && (smallest == 0 || d < smallest) {
			smallest = d
		}
	}
	if later {
		o.inOrder++
	} else {
		o.inOrder, o.mixed = 0, true
	}
	if len(o.recent) == recentPictures {
		copy(o.recent, o.recent[1:])
		o.recent = o.recent[:recentPictures-1]
	}
	o.recent = append(o.recent, poc)
	switch {
	case smallest == 0:
	case smallest < o.step:
		o.step = smallest
	case smallest > o.step && o.inOrder > o.bound+1:
		// More pictures rise than can be held back: none of the gaps between
		// them will be filled, so that is how far apart they are.
		o.step = smallest
		o.base, o.place = poc, 0
	}
}

// settle takes stock every so often: where pictures were lost on the way, or
// left out by the encoder, every delay since is off by the same amount.
func (o *Orderer) settle(delay int64) (correction int64) {
	if o.window == 0 || delay < o.minDelay {
		o.minDelay = delay
	}
	if o.window++; o.window < 2*recentPictures {
		if delay < 0 {
			o.place += delay
			return -delay
		}
		return 0
	}
	o.window = 0
	// A stream may reorder less than it says, or than it did: then all delays
	// are longer than they need be, which harms nobody. More than the depth
	// not all of them can be.
	off := o.minDelay - int64(o.depth)
	if off > 0 || off < 0 && o.inOrder >= 2*recentPictures {
		o.place += off
		return -off
	}
	return 0
}
