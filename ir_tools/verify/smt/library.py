"""The functions that LLVM knows by name, and so changes calls of: those of C and of C++'s new."""

from __future__ import annotations

_FLOATS = (
    "acos acosh asin asinh atan atan2 atanh cbrt ceil copysign cos cosh cospi erf exp exp10 "
    "exp2 expm1 fabs "
    "fdim floor fma fmax fmaximum_num fmin fminimum_num fmod frexp hypot ilogb ldexp lgamma log "
    "log10 log1p "
    "log2 logb modf nan nearbyint nextafter nexttoward pow remainder remquo rint round "
    "roundeven scalbln "
    "scalbn sin sincos sincospi sinh sinpi sqrt tan tanh tgamma trunc lrint llrint lround "
    "llround tanpi "
).split()
_OTHERS = (
    "abs labs llabs ffs ffsl ffsll fls flsl flsll isascii isdigit toascii isalpha isspace "
    "tolower toupper "
    "abort exit _Exit atexit assert __assert_fail __assert_rtn "
    "malloc calloc realloc reallocf free valloc memalign aligned_alloc posix_memalign "
    "vec_malloc vec_calloc "
    "vec_realloc vec_free __kmpc_alloc_shared __kmpc_free_shared strdup dunder_strdup __strdup "
    "strndup "
    "__strndup dunder_strndup reallocarray pvalloc "
    "bcmp bcopy bzero memccpy memchr memcmp memcpy memmove mempcpy memrchr memset memset_pattern16 "
    "memset_pattern4 memset_pattern8 __memcpy_chk __memmove_chk __memset_chk __mempcpy_chk "
    "__memccpy_chk "
    "stpcpy stpncpy strcasecmp strcat strchr strcmp strcoll strcpy strcspn strlcat strlcpy "
    "strlen strncasecmp "
    "strncat strncmp strncpy strnlen strpbrk strrchr strspn strstr strtok strtok_r __strtok_r "
    "strxfrm wcslen "
    "__strcat_chk __strcpy_chk __strlcat_chk __strlcpy_chk __strlen_chk __strncat_chk "
    "__strncpy_chk "
    "__stpcpy_chk __stpncpy_chk __sprintf_chk __snprintf_chk __vsnprintf_chk __vsprintf_chk "
    "atof atoi atol atoll strtod strtof strtol strtold strtoll strtoul strtoull qsort bsearch "
    "printf fprintf sprintf snprintf vprintf vfprintf vsprintf vsnprintf iprintf fiprintf "
    "siprintf puts fputs "
    "putc putchar fputc putc_unlocked putchar_unlocked fputc_unlocked fputs_unlocked fwrite "
    "fwrite_unlocked "
    "fread fread_unlocked fgetc fgetc_unlocked fgets fgets_unlocked getc getc_unlocked getchar "
    "getchar_unlocked gets ungetc scanf fscanf sscanf vscanf vfscanf vsscanf __isoc99_scanf "
    "__isoc99_sscanf "
    "_IO_getc _IO_putc perror fopen fopen64 fdopen fclose fflush feof ferror fileno fseek "
    "fseeko fseeko64 "
    "ftell ftello ftello64 fgetpos fsetpos rewind clearerr setbuf setvbuf setlinebuf freopen "
    "tmpfile "
    "tmpfile64 flockfile ftrylockfile funlockfile popen pclose remove rename "
    "access bcmp chmod chown closedir ctermid fstat fstat64 fstatvfs fstatvfs64 getenv "
    "getitimer getlogin_r "
    "getpwnam gettimeofday htonl htons ntohl ntohs lchown lstat lstat64 mkdir mktime open "
    "open64 opendir pread "
    "pwrite read readlink realpath rmdir setitimer stat stat64 statvfs statvfs64 system times "
    "uname unlink "
    "unsetenv utime utimes write atexit execl execle execlp execv execve execvP execvp execvpe "
    "fork "
    "__cxa_atexit __cxa_guard_abort __cxa_guard_acquire __cxa_guard_release __cxa_throw terminate "
    "__memcpy_inline __small_printf __small_fprintf __small_sprintf size_returning_new "
    "__size_returning_new ldexp clock objc_retain objc_release objc_autorelease "
    "objc_retainAutoreleasedReturnValue "
).split()
_NAMES = frozenset(
    [*_OTHERS, *(name + suffix for name in _FLOATS for suffix in ("", "f", "l"))]
    + [f"__{name}{s}_finite" for name in _FLOATS for s in ("", "f", "l")]
)
_PREFIXES = ("_Zn", "_Zd", "??2", "??3", "??_", "__atomic_", "objc_", "__size_returning_new")


def is_library(name: str) -> bool:
    """Whether LLVM may know more of the function than its declaration says."""
    return name in _NAMES or name.startswith(_PREFIXES)
