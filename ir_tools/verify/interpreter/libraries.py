"""Library functions whose meaning LLVM knows: it may rewrite a call into another, or into none.

`OUTPUT` ones print: which of them is called is not compared, and their results are open only when
used by nobody who can tell. `REWRITTEN` ones have a meaning that the interpreter does not model: a
run that calls one has made a choice that nobody can enumerate. A function that is missing here is
an unknown one, which LLVM must leave alone; the lists follow LLVM's SimplifyLibCalls.
"""

from __future__ import annotations

from typing import Final

OUTPUT: Final = frozenset(
    "printf fprintf puts putchar fputs fputc putc fwrite putchar_unlocked fputc_unlocked "
    "fputs_unlocked fwrite_unlocked iprintf fiprintf vprintf vfprintf fflush perror "
    "__printf_chk __fprintf_chk siprintf".split()
)

_MATH = (
    "acos acosh asin asinh atan atan2 atanh cbrt ceil copysign cos cosh cospi erf exp exp10 exp2 "
    "expm1 fabs fdim floor fmax fmin fmod frexp hypot ilogb ldexp log log10 log1p log2 logb modf "
    "nearbyint pow remainder rint round roundeven scalbn scalbln sin sinh sinpi sincos sqrt tan "
    "tanh trunc tgamma lgamma"
).split()
_STRINGS = (
    "strlen strnlen strcpy stpcpy strncpy stpncpy strlcpy strlcat strcat strncat strcmp strncmp "
    "strchr strrchr strstr strpbrk strspn strcspn strcoll strdup strndup strtol strtoll strtoul "
    "strtoull strtod strtof atoi atol atoll atof memchr memrchr memcmp bcmp bcopy bzero memccpy "
    "mempcpy memcpy memmove memset wcslen sprintf snprintf vsprintf vsnprintf "
    "ffs ffsl ffsll fls flsl flsll abs labs llabs isdigit isascii toascii realloc reallocf"
).split()
_CHECKED = [f"__{name}_chk" for name in _STRINGS]
REWRITTEN: Final = (
    frozenset(_STRINGS + _CHECKED + _MATH + [n + "f" for n in _MATH] + [n + "l" for n in _MATH])
    - OUTPUT
)

# They do nothing with the null pointer.
FREERS: Final = frozenset({"free", "_ZdlPv", "_ZdaPv", "_ZdlPvm", "_ZdaPvm"})
