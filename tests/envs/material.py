"""Small modules for the tests of environments."""

from __future__ import annotations

from envs.evaluation import Source

_X86 = 'target triple = "x86_64-pc-linux-gnu"\n'

# Passes have something to do: memory, a loop, a branch, what is common to both.
LOOP = Source(
    "loop.ll",
    f"""{_X86}
declare i32 @use(i32)
define i32 @f(ptr %p, i32 %n) minsize optsize {{
entry:
  %sum = alloca i32
  %i = alloca i32
  store i32 0, ptr %sum
  store i32 0, ptr %i
  br label %head
head:
  %a = load i32, ptr %i
  %more = icmp slt i32 %a, %n
  br i1 %more, label %body, label %out
body:
  %wide = sext i32 %a to i64
  %at = getelementptr inbounds i32, ptr %p, i64 %wide
  %v = load i32, ptr %at
  %twice = mul i32 %v, 2
  %same = mul i32 %v, 2
  %both = add i32 %twice, %same
  %old = load i32, ptr %sum
  %new = add i32 %old, %both
  store i32 %new, ptr %sum
  %b = load i32, ptr %i
  %c = add nsw i32 %b, 1
  store i32 %c, ptr %i
  br label %head
out:
  %r = load i32, ptr %sum
  %u = call i32 @use(i32 %r)
  ret i32 %u
}}
""".encode(),
)

# A local function, a local variable: nothing that one function shows alone.
TWO = Source(
    "two.ll",
    f"""{_X86}
@step = internal global i32 5
define internal i32 @add(i32 %x) minsize optsize {{
  %p = alloca i32
  store i32 %x, ptr %p
  %v = load i32, ptr %p
  %y = add i32 %v, 3
  ret i32 %y
}}
define i32 @f(i32 %x) minsize optsize {{
  %z = call i32 @add(i32 7)
  %s = load i32, ptr @step
  %w = add i32 %z, %s
  %t = add i32 %w, %x
  ret i32 %t
}}
""".encode(),
)

# What the author asked for: `inlined` goes, `kept` stays, `left` is not touched.
MARKED = Source(
    "marked.ll",
    f"""{_X86}
define internal i32 @inlined(i32 %x) alwaysinline minsize optsize {{
  %y = mul i32 %x, 3
  ret i32 %y
}}
define internal i32 @kept(i32 %x) noinline minsize optsize {{
  %y = mul i32 %x, 5
  ret i32 %y
}}
define i32 @left(i32 %x) noinline optnone {{
  %p = alloca i32
  store i32 %x, ptr %p
  %v = load i32, ptr %p
  ret i32 %v
}}
define i32 @f(i32 %x) minsize optsize {{
  %a = call i32 @inlined(i32 %x)
  %b = call i32 @kept(i32 %a)
  ret i32 %b
}}
""".encode(),
)

CRASH = "function(trigger-crash-function)"
INVALID = "function(trigger-verifier-error)"
