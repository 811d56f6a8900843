;; What takes the time of training, four numbers at once: the product of matrices, and a step of Adam.
;; `engine.js` has both in JavaScript too, for hosts that refuse WebAssembly. All places and strides are in bytes.
(module
  (import "engine" "memory" (memory 0))

  ;; The sum over k of four rows of A times eight columns of B, as two vectors a row, added to what C holds.
  (func $tile
    (param $a i32) (param $row i32) (param $column i32) (param $b i32) (param $width i32) (param $c i32) (param $k i32)
    (local $c1 i32) (local $c2 i32) (local $c3 i32) (local $x v128) (local $b0 v128) (local $b1 v128)
    (local $p0 v128) (local $p1 v128) (local $q0 v128) (local $q1 v128)
    (local $r0 v128) (local $r1 v128) (local $s0 v128) (local $s1 v128)
    (local.set $c1 (i32.add (local.get $c) (local.get $width)))
    (local.set $c2 (i32.add (local.get $c1) (local.get $width)))
    (local.set $c3 (i32.add (local.get $c2) (local.get $width)))
    (local.set $p0 (v128.load (local.get $c)))
    (local.set $p1 (v128.load offset=16 (local.get $c)))
    (local.set $q0 (v128.load (local.get $c1)))
    (local.set $q1 (v128.load offset=16 (local.get $c1)))
    (local.set $r0 (v128.load (local.get $c2)))
    (local.set $r1 (v128.load offset=16 (local.get $c2)))
    (local.set $s0 (v128.load (local.get $c3)))
    (local.set $s1 (v128.load offset=16 (local.get $c3)))
    (loop $next
      (local.set $b0 (v128.load (local.get $b)))
      (local.set $b1 (v128.load offset=16 (local.get $b)))
      (local.set $x (v128.load32_splat (local.get $a)))
      (local.set $p0 (f32x4.add (local.get $p0) (f32x4.mul (local.get $x) (local.get $b0))))
      (local.set $p1 (f32x4.add (local.get $p1) (f32x4.mul (local.get $x) (local.get $b1))))
      (local.set $x (v128.load32_splat (i32.add (local.get $a) (local.get $row))))
      (local.set $q0 (f32x4.add (local.get $q0) (f32x4.mul (local.get $x) (local.get $b0))))
      (local.set $q1 (f32x4.add (local.get $q1) (f32x4.mul (local.get $x) (local.get $b1))))
      (local.set $x (v128.load32_splat (i32.add (local.get $a) (i32.shl (local.get $row) (i32.const 1)))))
      (local.set $r0 (f32x4.add (local.get $r0) (f32x4.mul (local.get $x) (local.get $b0))))
      (local.set $r1 (f32x4.add (local.get $r1) (f32x4.mul (local.get $x) (local.get $b1))))
      (local.set $x (v128.load32_splat (i32.add (local.get $a) (i32.mul (local.get $row) (i32.const 3)))))
      (local.set $s0 (f32x4.add (local.get $s0) (f32x4.mul (local.get $x) (local.get $b0))))
      (local.set $s1 (f32x4.add (local.get $s1) (f32x4.mul (local.get $x) (local.get $b1))))
      (local.set $a (i32.add (local.get $a) (local.get $column)))
      (local.set $b (i32.add (local.get $b) (local.get $width)))
      (br_if $next (local.tee $k (i32.sub (local.get $k) (i32.const 1)))))
    (v128.store (local.get $c) (local.get $p0))
    (v128.store offset=16 (local.get $c) (local.get $p1))
    (v128.store (local.get $c1) (local.get $q0))
    (v128.store offset=16 (local.get $c1) (local.get $q1))
    (v128.store (local.get $c2) (local.get $r0))
    (v128.store offset=16 (local.get $c2) (local.get $r1))
    (v128.store (local.get $c3) (local.get $s0))
    (v128.store offset=16 (local.get $c3) (local.get $s1)))

  ;; One number of C: what is left over at the edges of the tiles.
  (func $single
    (param $a i32) (param $column i32) (param $b i32) (param $width i32) (param $c i32) (param $k i32)
    (local $sum f32)
    (local.set $sum (f32.load (local.get $c)))
    (loop $next
      (local.set $sum
        (f32.add (local.get $sum) (f32.mul (f32.load (local.get $a)) (f32.load (local.get $b)))))
      (local.set $a (i32.add (local.get $a) (local.get $column)))
      (local.set $b (i32.add (local.get $b) (local.get $width)))
      (br_if $next (local.tee $k (i32.sub (local.get $k) (i32.const 1)))))
    (f32.store (local.get $c) (local.get $sum)))

  ;; C += A·B for A of m × k with any strides (a transposed matrix is one with its strides exchanged), and B of k × n
  ;; and C of m × n row by row.
  (func (export "gemm")
    (param $a i32) (param $row i32) (param $column i32) (param $b i32) (param $c i32)
    (param $m i32) (param $n i32) (param $k i32)
    (local $i i32) (local $j i32) (local $width i32) (local $ai i32) (local $ci i32) (local $high i32)
    (local.set $width (i32.shl (local.get $n) (i32.const 2)))
    (loop $columns ;; eight of B stay in the cache while all rows of A pass
      (local.set $high (i32.le_s (i32.add (local.get $j) (i32.const 8)) (local.get $n)))
      (local.set $i (i32.const 0))
      (local.set $ai (local.get $a))
      (local.set $ci (local.get $c))
      (loop $rows
        (if (i32.and (local.get $high) (i32.le_s (i32.add (local.get $i) (i32.const 4)) (local.get $m)))
          (then
            (call $tile (local.get $ai) (local.get $row) (local.get $column) (local.get $b) (local.get $width)
              (local.get $ci) (local.get $k))
            (local.set $i (i32.add (local.get $i) (i32.const 4)))
            (local.set $ai (i32.add (local.get $ai) (i32.shl (local.get $row) (i32.const 2))))
            (local.set $ci (i32.add (local.get $ci) (i32.shl (local.get $width) (i32.const 2)))))
          (else
            (call $edge (local.get $ai) (local.get $column) (local.get $b) (local.get $width) (local.get $ci)
              (local.get $k)
              (select (i32.const 8) (i32.sub (local.get $n) (local.get $j)) (local.get $high)))
            (local.set $i (i32.add (local.get $i) (i32.const 1)))
            (local.set $ai (i32.add (local.get $ai) (local.get $row)))
            (local.set $ci (i32.add (local.get $ci) (local.get $width)))))
        (br_if $rows (i32.lt_s (local.get $i) (local.get $m))))
      (local.set $j (i32.add (local.get $j) (i32.const 8)))
      (local.set $b (i32.add (local.get $b) (i32.const 32)))
      (local.set $c (i32.add (local.get $c) (i32.const 32)))
      (br_if $columns (i32.lt_s (local.get $j) (local.get $n)))))

  ;; `count` numbers of a row of C.
  (func $edge
    (param $a i32) (param $column i32) (param $b i32) (param $width i32) (param $c i32) (param $k i32) (param $count i32)
    (loop $next
      (call $single (local.get $a) (local.get $column) (local.get $b) (local.get $width) (local.get $c) (local.get $k))
      (local.set $b (i32.add (local.get $b) (i32.const 4)))
      (local.set $c (i32.add (local.get $c) (i32.const 4)))
      (br_if $next (local.tee $count (i32.sub (local.get $count) (i32.const 1))))))

  ;; A step of Adam for `count` parameters, a multiple of four: p −= rate · m / (√v / root + 10⁻⁸).
  (func (export "adam")
    (param $p i32) (param $g i32) (param $m i32) (param $v i32) (param $count i32) (param $rate f32) (param $root f32)
    (local $grad v128) (local $first v128) (local $second v128)
    (loop $next
      (local.set $grad (v128.load (local.get $g)))
      (local.set $first (v128.load (local.get $m)))
      (local.set $first
        (f32x4.add (local.get $first)
          (f32x4.mul (f32x4.splat (f32.const 0.1)) (f32x4.sub (local.get $grad) (local.get $first)))))
      (local.set $second
        (f32x4.add (f32x4.mul (f32x4.splat (f32.const 0.999)) (v128.load (local.get $v)))
          (f32x4.mul (f32x4.splat (f32.const 0.001)) (f32x4.mul (local.get $grad) (local.get $grad)))))
      (v128.store (local.get $m) (local.get $first))
      (v128.store (local.get $v) (local.get $second))
      (v128.store (local.get $p)
        (f32x4.sub (v128.load (local.get $p))
          (f32x4.div (f32x4.mul (f32x4.splat (local.get $rate)) (local.get $first))
            (f32x4.add (f32x4.div (f32x4.sqrt (local.get $second)) (f32x4.splat (local.get $root)))
              (f32x4.splat (f32.const 1e-8))))))
      (local.set $p (i32.add (local.get $p) (i32.const 16)))
      (local.set $g (i32.add (local.get $g) (i32.const 16)))
      (local.set $m (i32.add (local.get $m) (i32.const 16)))
      (local.set $v (i32.add (local.get $v) (i32.const 16)))
      (br_if $next (local.tee $count (i32.sub (local.get $count) (i32.const 4)))))))
