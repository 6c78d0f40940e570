package slate

import "image"

// cellSize is the width and height of a cell in luma samples. A macroblock
// that is coded by its DC coefficients alone is a grid of flat 4x4 blocks.
const cellSize = 4

// A colour is one of Y'CbCr in studio range, as BT.709 has it.
type colour struct{ y, cb, cr uint8 }

func grey(y uint8) colour { return colour{y, 128, 128} }

// A canvas is a picture of flat cells, and knows which of its macroblocks
// changed since it was last coded. Places on it are counted in cells.
//
// Colour has half the resolution: two by two cells share Cb and Cr.
//
// Luma is even: fill drops its lowest bit. This keeps every picture within
// reach of the coder, see coder.macroblock.
type canvas struct {
	width, height int // of what is shown, in luma samples; both even
	mbw, mbh      int // of what is coded, in macroblocks

	luma   []uint8    // one a cell, in rows of 4*mbw
	chroma [2][]uint8 // Cb and Cr: one for two by two cells, in rows of 2*mbw

	changed []uint64 // one bit a macroblock, in the order of the raster
}

func newCanvas(width, height int) *canvas {
	c := &canvas{width: width, height: height, mbw: (width + 15) / 16, mbh: (height + 15) / 16}
	mbs := c.mbw * c.mbh
	c.luma = make([]uint8, 16*mbs)
	c.chroma = [2][]uint8{make([]uint8, 4*mbs), make([]uint8, 4*mbs)}
	c.changed = make([]uint64, (mbs+63)/64)
	return c
}

// shown is the cells of which anything is seen: the last column and row may
// be half cropped.
func (c *canvas) shown() image.Rectangle {
	return image.Rect(0, 0, (c.width+cellSize-1)/cellSize, (c.height+cellSize-1)/cellSize)
}

// coded is all cells, the cropped ones too.
func (c *canvas) coded() image.Rectangle { return image.Rect(0, 0, 4*c.mbw, 4*c.mbh) }

// fill paints the cells of r. Cells that share their Cb and Cr with one of r
// take these over, so two colours meet without a fringe only at even places;
// greys meet anywhere.
func (c *canvas) fill(r image.Rectangle, col colour) {
	r = r.Intersect(c.coded())
	col.y &^= 1
	for y := r.Min.Y; y < r.Max.Y; y++ {
		for x := r.Min.X; x < r.Max.X; x++ {
			if p := &c.luma[y*4*c.mbw+x]; *p != col.y {
				*p = col.y
				c.touch(x/4, y/4)
			}
		}
	}
	for y := r.Min.Y / 2; 2*y < r.Max.Y; y++ {
		for x := r.Min.X / 2; 2*x < r.Max.X; x++ {
			cb, cr := &c.chroma[0][y*2*c.mbw+x], &c.chroma[1][y*2*c.mbw+x]
			if *cb != col.cb || *cr != col.cr {
				*cb, *cr = col.cb, col.cr
				c.touch(x/2, y/2)
			}
		}
	}
}

// touch marks a macroblock as changed.
func (c *canvas) touch(mbx, mby int) {
	mb := mby*c.mbw + mbx
	c.changed[mb/64] |= 1 << (mb % 64)
}

// appendYUV appends what is shown, as three planes: Y, Cb, Cr, 4:2:0.
func (c *canvas) appendYUV(dst []byte) []byte {
	dst = appendPlane(dst, c.luma, 4*c.mbw, c.width, c.height)
	for _, p := range c.chroma {
		dst = appendPlane(dst, p, 2*c.mbw, c.width/2, c.height/2)
	}
	return dst
}

// appendPlane appends width x height samples, of which a cell has 4x4 in luma
// and in chroma alike.
func appendPlane(dst, cells []uint8, stride, width, height int) []byte {
	for y := range height {
		if y%cellSize != 0 { // the row above once more
			dst = append(dst, dst[len(dst)-width:]...)
			continue
		}
		row := cells[y/cellSize*stride:]
		for x := range width {
			dst = append(dst, row[x/cellSize])
		}
	}
	return dst
}
