/*
 * fft: fixed-point signal processing on 16-bit samples (Q15: 32768 stands for 1).
 *
 * A 256-point FFT and its inverse in block floating point, Hann window, magnitude and decibels,
 * a FIR low-pass filter and the Goertzel algorithm. Results are compared with values computed in
 * double precision by another program, and with each other by energy and round trips.
 */
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LOG2_N = 8, N = 1 << LOG2_N, TAPS = 31 };

struct complex16 { int16_t re, im; };

/* sin(2 pi i / N) for the first quarter, at most 32767 */
static const int16_t quarter_sine[N / 4 + 1] = {
    0, 804, 1608, 2411, 3212, 4011, 4808, 5602, 6393, 7180, 7962, 8740, 9512, 10279, 11039, 11793,
    12540, 13279, 14010, 14733, 15447, 16151, 16846, 17531, 18205, 18868, 19520, 20160, 20788,
    21403, 22006, 22595, 23170, 23732, 24279, 24812, 25330, 25833, 26320, 26791, 27246, 27684,
    28106, 28511, 28899, 29269, 29622, 29957, 30274, 30572, 30853, 31114, 31357, 31581, 31786,
    31972, 32138, 32286, 32413, 32522, 32610, 32679, 32729, 32758, 32767,
};

/* Low-pass, cut off at 1/8 of the sample rate: a sinc under a Hamming window. */
static const int16_t low_pass[TAPS] = {
    -39, -67, -68, 0, 156, 324, 327, 0, -621, -1189, -1139, 0, 2249, 5022, 7322, 8214, 7322, 5022,
    2249, 0, -1139, -1189, -621, 0, 327, 324, 156, 0, -68, -67, -39,
};

/* ---- arithmetic ---- */

/* Shifts to the right and rounds down, also where the compiler would not for negative values. */
static int32_t shift_right(int32_t x, unsigned n)
{
    return x < 0 ? ~(~x >> n) : x >> n;
}

/* Rounds to the nearest, ties to even: always rounding ties up would add a pulse to a spectrum. */
static int32_t round_shift(int32_t x, unsigned n)
{
    int32_t odd = shift_right(x, n) & 1;
    return n > 0 ? shift_right(x + (1 << (n - 1)) - 1 + odd, n) : x;
}

static int16_t saturate(int32_t x)
{
    if (x > INT16_MAX)
        return INT16_MAX;
    return x < INT16_MIN ? INT16_MIN : (int16_t)x;
}

static int16_t multiply(int16_t a, int16_t b)
{
    return saturate(round_shift((int32_t)a * b, 15));
}

static int16_t sine(unsigned phase)
{
    unsigned i = phase % (N / 2);
    int16_t s = quarter_sine[i <= N / 4 ? i : N / 2 - i];
    return phase % N < N / 2 ? s : (int16_t)-s;
}

static int16_t cosine(unsigned phase)
{
    return sine(phase + N / 4);
}

static uint16_t square_root(uint32_t x)
{
    uint32_t root = 0;
    for (uint32_t bit = UINT32_C(1) << 30; bit != 0; bit >>= 2) {
        if (x >= root + bit) {
            x -= root + bit;
            root = root / 2 + bit;
        } else {
            root /= 2;
        }
    }
    return (uint16_t)root;
}

static uint16_t magnitude(struct complex16 z)
{
    int32_t re = z.re, im = z.im;
    return square_root((uint32_t)(re * re) + (uint32_t)(im * im));
}

/* 20 log10(x) in 1/256, from the base 2 logarithm by repeated squaring; 0 for 0. */
static unsigned decibels(uint32_t x)
{
    unsigned log2 = 31 * 256;
    if (x == 0)
        return 0;
    for (; x < UINT32_C(0x80000000); x <<= 1)
        log2 -= 256;
    x >>= 16;
    for (unsigned bit = 128; bit != 0; bit >>= 1) {
        x = x * x >> 15;
        if (x >= 0x10000) {
            x >>= 1;
            log2 += bit;
        }
    }
    return (log2 * 6165 + 512) >> 10; /* 20 log10(2) = 6.0206 = 6165 / 1024 */
}

/* ---- transform ---- */

static void swap_bit_reversed(struct complex16 x[N])
{
    for (unsigned i = 0, j = 0; i < N; i++) {
        if (i < j) {
            struct complex16 t = x[i];
            x[i] = x[j];
            x[j] = t;
        }
        unsigned bit = N / 2;
        for (; j & bit; bit >>= 1)
            j ^= bit;
        j |= bit;
    }
}

static int32_t peak(const struct complex16 x[N])
{
    int32_t largest = 0;
    for (unsigned i = 0; i < N; i++) {
        int32_t re = abs(x[i].re), im = abs(x[i].im);
        if (re > largest)
            largest = re;
        if (im > largest)
            largest = im;
    }
    return largest;
}

/* Halves the data until a butterfly, which grows by up to 1 + sqrt 2, cannot overflow. */
static int make_headroom(struct complex16 x[N])
{
    unsigned shift = 0;
    for (int32_t top = peak(x); top >= 13572; top = (top + 1) / 2)
        shift++;
    for (unsigned i = 0; i < N; i++) {
        x[i].re = (int16_t)round_shift(x[i].re, shift);
        x[i].im = (int16_t)round_shift(x[i].im, shift);
    }
    return (int)shift;
}

static void butterfly(struct complex16 *a, struct complex16 *b, int16_t wre, int16_t wim)
{
    int32_t re = round_shift((int32_t)b->re * wre - (int32_t)b->im * wim, 15);
    int32_t im = round_shift((int32_t)b->re * wim + (int32_t)b->im * wre, 15);
    b->re = saturate(a->re - re);
    b->im = saturate(a->im - im);
    a->re = saturate(a->re + re);
    a->im = saturate(a->im + im);
}

/* In place and without the factor 1/N; the true result is x times 2 to the value returned. */
static int transform(struct complex16 x[N], bool inverse)
{
    int exponent = 0;
    swap_bit_reversed(x);
    for (unsigned half = 1; half < N; half *= 2) {
        exponent += make_headroom(x);
        for (unsigned k = 0; k < half; k++) {
            unsigned phase = k * (N / 2 / half);
            int16_t wre = cosine(phase);
            int16_t wim = inverse ? sine(phase) : (int16_t)-sine(phase);
            for (unsigned i = k; i < N; i += 2 * half)
                butterfly(&x[i], &x[i + half], wre, wim);
        }
    }
    return exponent;
}

static void apply_hann(int16_t x[N])
{
    for (unsigned i = 0; i < N; i++)
        x[i] = multiply(x[i], saturate(16384 - shift_right(cosine(i), 1)));
}

static void load(struct complex16 to[N], const int16_t from[N])
{
    for (unsigned i = 0; i < N; i++)
        to[i] = (struct complex16){from[i], 0};
}

/* Re and im of one bin of the transform, without the factor 1/N. */
static void goertzel(const int16_t x[N], unsigned bin, int32_t *re, int32_t *im)
{
    int64_t s1 = 0, s2 = 0, c = cosine(bin), s = sine(bin);
    for (unsigned i = 0; i < N; i++) {
        int64_t s0 = x[i] * 256 + 2 * c * s1 / 32768 - s2;
        s2 = s1;
        s1 = s0;
    }
    *re = (int32_t)((c * s1 / 32768 - s2) / 256);
    *im = (int32_t)(s * s1 / 32768 / 256);
}

/* ---- filter ---- */

struct fir {
    const int16_t *taps;
    int16_t history[TAPS];
    unsigned newest;
};

static void fir_init(struct fir *f, const int16_t *taps)
{
    memset(f, 0, sizeof *f);
    f->taps = taps;
}

static int16_t fir_step(struct fir *f, int16_t sample)
{
    int64_t sum = 0x4000;
    f->newest = f->newest > 0 ? f->newest - 1 : TAPS - 1;
    f->history[f->newest] = sample;
    for (unsigned i = 0, at = f->newest; i < TAPS; i++) {
        sum += (int32_t)f->taps[i] * f->history[at];
        at = at + 1 < TAPS ? at + 1 : 0;
    }
    if (sum > INT32_MAX)
        sum = INT32_MAX;
    if (sum < INT32_MIN)
        sum = INT32_MIN;
    return saturate(shift_right((int32_t)sum, 15));
}

/* ---- checks ---- */

static unsigned checks, failures;
static uint32_t hash = 2166136261u;

static void check(bool ok, const char *what)
{
    checks++;
    failures += !ok;
    if (!ok)
        printf("fft: FAILED %s\n", what);
}

static bool near(int32_t value, int32_t expected, int32_t tolerance)
{
    return abs(value - expected) <= tolerance;
}

static void add_to_hash(int16_t x)
{
    hash = (hash ^ (uint16_t)x) * 16777619u;
}

static void add_tone(int16_t x[N], unsigned bin, unsigned phase, int16_t amplitude)
{
    for (unsigned i = 0; i < N; i++)
        x[i] = saturate(x[i] + multiply(amplitude, sine(bin * i + phase)));
}

/* Two tones, a constant and noise. */
static void make_signal(int16_t x[N])
{
    uint32_t random = 12345;
    for (unsigned i = 0; i < N; i++) {
        random = random * 1664525 + 1013904223;
        x[i] = (int16_t)((int32_t)(random >> 20) - 2048 + 1000);
    }
    add_tone(x, 10, 0, 12000);
    add_tone(x, 37, 64, 8000);
}

static void check_arithmetic(void)
{
    int32_t sum = 0;
    for (unsigned i = 0; i <= N / 4; i++)
        sum += (int32_t)(i + 1) * sine(i);
    check(sum == 56799143, "sine table");
    check(sine(0) == 0 && sine(64) == 32767 && sine(192) == -32767, "sine at multiples of 90");
    check(sine(32) == 23170 && cosine(96) == -23170 && sine(240) == -12540, "sine elsewhere");
    check(multiply(-32768, -32768) == 32767 && multiply(16384, -3) == -2, "multiply");
    check(multiply(16384, -5) == -2 && multiply(16384, 5) == 2, "ties to even");
    check(shift_right(-5, 1) == -3 && shift_right(-1, 15) == -1, "shift_right");
    check(square_root(0) == 0 && square_root(99) == 9 && square_root(100) == 10, "square root");
    check(square_root(UINT32_MAX) == 65535 && square_root(4294836224u) == 65534, "large root");
    check(magnitude((struct complex16){-32768, -32768}) == 46340, "largest magnitude");
    check(decibels(1) == 0 && near((int32_t)decibels(1000), 60 * 256, 2), "decibels");
    check(near((int32_t)decibels(UINT32_MAX), 49321, 26), "largest decibels");
}

static void check_impulse(void)
{
    struct complex16 x[N] = {{0, 0}};
    bool flat = true;
    x[0].re = 8000;
    check(transform(x, false) == 0, "exponent of an impulse");
    for (unsigned i = 0; i < N; i++)
        flat = flat && x[i].re == 8000 && x[i].im == 0;
    check(flat, "spectrum of an impulse");
    memset(x, 0, sizeof x);
    x[1].re = 8000;
    transform(x, false);
    check(near(x[32].re, 5657, 3) && near(x[32].im, -5657, 3), "45 degrees");
    check(near(x[192].re, 0, 3) && near(x[192].im, 8000, 3), "270 degrees");
}

/* The spectrum against double precision, then Goertzel, energy and the way back. */
static void check_signal(void)
{
    static const struct { uint8_t bin; int32_t re, im; } known[] = {
        {0, 267723, 0}, {10, 727, -1533151}, {37, 1013466, -1713}, {64, -9266, 14461},
        {128, 26369, 0}, {200, -10291, 13362}, {246, 727, 1533151}, {255, 6127, 25609},
    };
    struct complex16 x[N];
    int16_t signal[N];
    int64_t energy = 0, spectral = 0;
    int32_t worst = 0, re, im;

    make_signal(signal);
    load(x, signal);
    int e = transform(x, false);
    check(e == 6, "exponent of the signal");
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        struct complex16 z = x[known[i].bin];
        check(near(z.re * (1 << e), known[i].re, 2 << e), "real part");
        check(near(z.im * (1 << e), known[i].im, 2 << e), "imaginary part");
        goertzel(signal, known[i].bin, &re, &im);
        if (abs(cosine(known[i].bin)) < 32000) /* else too coarse */
            check(near(re, known[i].re, 500) && near(im, known[i].im, 500), "Goertzel");
    }
    for (unsigned i = 0; i < N; i++) {
        energy += (int32_t)signal[i] * signal[i];
        spectral += ((int64_t)x[i].re * x[i].re + (int64_t)x[i].im * x[i].im) << 2 * e;
        add_to_hash(x[i].re);
        add_to_hash(x[i].im);
    }
    check(energy == INT64_C(27000977285), "energy of the signal");
    check(llabs(spectral / N - energy) < energy / 500, "energy of the spectrum");
    e += transform(x, true) - LOG2_N;
    check(e == 1, "exponent of the round trip");
    for (unsigned i = 0; i < N; i++) {
        int32_t error = abs(x[i].re * (1 << e) - signal[i]);
        worst = error > worst ? error : worst;
    }
    check(worst > 0 && worst <= 24, "round trip");
}

/* A tone between two bins leaks everywhere, under a window only nearby. */
static void check_window(void)
{
    struct complex16 plain[N], smooth[N];
    int16_t signal[N];
    for (unsigned i = 0; i < N; i++)
        signal[i] = multiply(16000, sine(40 * i + i / 2));
    load(plain, signal);
    apply_hann(signal);
    check(signal[0] == 0 && near(signal[64], 5657, 2), "window");
    load(smooth, signal);
    int e1 = transform(plain, false), e2 = transform(smooth, false);
    uint32_t far1 = (uint32_t)magnitude(plain[100]) << e1;
    uint32_t far2 = (uint32_t)magnitude(smooth[100]) << e2;
    uint32_t lobe = (uint32_t)magnitude(smooth[40]) << e2;
    check(near((int32_t)far1, 10170, 3 << e1), "leakage without window");
    check(decibels(far1) > decibels(far2) + 20 * 256, "leakage with window");
    check(decibels(lobe) > decibels(far2) + 50 * 256, "main lobe");
}

static void check_filter(void)
{
    static const struct { uint8_t bin; int32_t amplitude; } tones[] = {
        {4, 16038}, {16, 16048}, {28, 11882}, {32, 8009}, {36, 4162}, {48, 31}, {80, 15}, {120, 12},
    };
    struct fir f;
    bool same = true;
    fir_init(&f, low_pass);
    for (unsigned i = 0; i < TAPS + 4; i++)
        same = same && fir_step(&f, i == 0 ? -32768 : 0) == (i < TAPS ? -low_pass[i] : 0);
    check(same, "impulse response");
    for (size_t t = 0; t < sizeof tones / sizeof *tones; t++) {
        int16_t x[N] = {0};
        struct complex16 spectrum[N];
        add_tone(x, tones[t].bin, 0, 16000);
        for (unsigned i = 0; i < 2 * N; i++) { /* the second round has settled */
            int16_t y = fir_step(&f, x[i % N]);
            add_to_hash(y);
            if (i >= N)
                spectrum[i - N] = (struct complex16){y, 0};
        }
        int e = transform(spectrum, false);
        int32_t amplitude = (magnitude(spectrum[tones[t].bin]) << e) / (N / 2);
        check(near(amplitude, tones[t].amplitude, 3), "filtered tone");
    }
}

/* The worst input for a filter has the signs of its taps. */
static void check_saturation(void)
{
    struct fir f;
    int16_t high = 0, low = 0;
    fir_init(&f, low_pass);
    for (unsigned i = 0; i < TAPS; i++)
        high = fir_step(&f, low_pass[TAPS - 1 - i] < 0 ? INT16_MIN : INT16_MAX);
    for (unsigned i = 0; i < TAPS; i++)
        low = fir_step(&f, low_pass[TAPS - 1 - i] < 0 ? INT16_MAX : INT16_MIN);
    check(high == INT16_MAX && low == INT16_MIN, "saturation");
}

int main(void)
{
    check_arithmetic();
    check_impulse();
    check_signal();
    check_window();
    check_filter();
    check_saturation();
    check(hash == UINT32_C(0xe61f8ba2), "hash of all results");
    if (failures > 0)
        return 1;
    printf("fft: %u checks, hash %08" PRIx32 "\n", checks, hash);
    return 0;
}
