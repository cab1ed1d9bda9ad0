;; An exponentially weighted moving average over event time: a value counts half as much every ten seconds.
;; State: 8 bytes the average, 8 bytes the time of the last event; the time is 0 before the first.
(module
  (memory (export "memory") 1)
  (global (export "state") i32 (i32.const 0))
  ;; One half to the power of (elapsed nanoseconds / 10 s), by halves and a straight line between them.
  (func $left (param $elapsed i64) (result f64)
    (local $weight f64)
    (local.set $weight (f64.const 1))
    (block $done
      (loop $halve
        (br_if $done (i64.lt_s (local.get $elapsed) (i64.const 10000000000)))
        (br_if $done (f64.eq (local.get $weight) (f64.const 0)))
        (local.set $weight (f64.mul (local.get $weight) (f64.const 0.5)))
        (local.set $elapsed (i64.sub (local.get $elapsed) (i64.const 10000000000)))
        (br $halve)))
    (f64.mul
      (local.get $weight)
      (f64.sub (f64.const 1) (f64.div (f64.convert_i64_s (local.get $elapsed)) (f64.const 20000000000)))))
  (func (export "apply") (param $time i64) (param $x f64) (result f64)
    (local $weight f64)
    (if (i64.eqz (i64.load (i32.const 8)))
      (then (f64.store (i32.const 0) (local.get $x)))
      (else
        (local.set $weight (call $left (i64.sub (local.get $time) (i64.load (i32.const 8)))))
        (f64.store (i32.const 0)
          (f64.add
            (f64.mul (local.get $weight) (f64.load (i32.const 0)))
            (f64.mul (f64.sub (f64.const 1) (local.get $weight)) (local.get $x))))))
    (i64.store (i32.const 8) (local.get $time))
    (f64.load (i32.const 0))))
