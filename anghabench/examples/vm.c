/*
 * vm: a stack machine and its assembler (text to bytecode).
 *
 * Code and data memory are separate. Values are 32-bit and wrap around. An instruction is one
 * opcode byte and, by opcode, a signed variable-length value, a 16-bit address or a slot number.
 * Source text is a row of words; "name:" marks a place and ";" starts a comment.
 */
#include <ctype.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum op {
    HALT, PUSH, DUP, DROP, SWAP, OVER, ADD, SUB, MUL, DIV, MOD, NEG, AND, OR, XOR, SHL, SHR, EQ, LT,
    JMP, JZ, CALL, RET, GET, SET, LOAD, STORE, OUTC, OUTN, OP_COUNT,
};

enum operand { NONE, VALUE, ADDRESS, SLOT };
static const struct { const char *name; enum operand operand; } ops[OP_COUNT] = {
    [HALT] = {"halt", NONE}, [PUSH] = {"push", VALUE}, [DUP] = {"dup", NONE},
    [DROP] = {"drop", NONE}, [SWAP] = {"swap", NONE}, [OVER] = {"over", NONE},
    [ADD] = {"add", NONE}, [SUB] = {"sub", NONE}, [MUL] = {"mul", NONE}, [DIV] = {"div", NONE},
    [MOD] = {"mod", NONE}, [NEG] = {"neg", NONE}, [AND] = {"and", NONE}, [OR] = {"or", NONE},
    [XOR] = {"xor", NONE}, [SHL] = {"shl", NONE}, [SHR] = {"shr", NONE}, [EQ] = {"eq", NONE},
    [LT] = {"lt", NONE}, [JMP] = {"jmp", ADDRESS}, [JZ] = {"jz", ADDRESS},
    [CALL] = {"call", ADDRESS}, [RET] = {"ret", NONE}, [GET] = {"get", SLOT}, [SET] = {"set", SLOT},
    [LOAD] = {"load", NONE}, [STORE] = {"store", NONE}, [OUTC] = {"outc", NONE},
    [OUTN] = {"outn", NONE},
};

enum error {
    OK, UNKNOWN_WORD, BAD_OPERAND, UNKNOWN_NAME, DUPLICATE_NAME, TOO_LARGE, /* assembler */
    STACK_EMPTY, STACK_FULL, CALLS_EMPTY, CALLS_FULL, BAD_CODE, BAD_ADDRESS, DIVIDE_BY_ZERO,
    OUTPUT_FULL, STEP_LIMIT, /* machine */
};
enum {
    CODE_SIZE = 512, DATA_SIZE = 128, STACK_SIZE = 64, CALL_DEPTH = 24, SLOTS = 4, MAX_NAMES = 32,
    WORD_SIZE = 20, OUTPUT_SIZE = 72, MAX_STEPS = 100000,
};

struct program {
    uint8_t code[CODE_SIZE];
    int32_t data[DATA_SIZE]; /* what the data memory holds at the start */
    unsigned code_size, data_size;
};

/* The first error sticks. */
static void fail(enum error *sticky, enum error error)
{
    if (*sticky == OK)
        *sticky = error;
}

/* Two's complement without relying on how the compiler converts. */
static int32_t to_signed(uint32_t x)
{
    return x <= INT32_MAX ? (int32_t)x : -1 - (int32_t)~x;
}

struct assembler {
    struct program *program;
    const char *at;
    struct { char text[WORD_SIZE]; unsigned value; } names[MAX_NAMES];
    unsigned name_count, word_count;
    bool second_pass; /* names of code addresses are known */
    enum error error;
};

static void emit(struct assembler *a, unsigned byte)
{
    if (a->program->code_size < CODE_SIZE)
        a->program->code[a->program->code_size++] = (uint8_t)byte;
    else
        fail(&a->error, TOO_LARGE);
}

/* Seven bits at a time, low first; bit 6 of the last byte is the sign. */
static void emit_value(struct assembler *a, int32_t value)
{
    uint32_t bits = (uint32_t)value, sign = value < 0 ? UINT32_MAX : 0;
    while (bits >> 6 != sign >> 6) {
        emit(a, (bits & 127) | 128);
        bits = bits >> 7 | (sign & UINT32_C(0xfe000000));
    }
    emit(a, bits & 127);
}

static void emit_data(struct assembler *a, int32_t value)
{
    if (a->program->data_size < DATA_SIZE)
        a->program->data[a->program->data_size++] = value;
    else
        fail(&a->error, TOO_LARGE);
}

/* The next word, or "" at the end. */
static const char *next_word(struct assembler *a, char word[WORD_SIZE])
{
    while (isspace((unsigned char)*a->at) || *a->at == ';')
        a->at += *a->at == ';' ? strcspn(a->at, "\n") : 1;
    size_t length = strcspn(a->at, " \t\n");
    if (length >= WORD_SIZE) {
        fail(&a->error, TOO_LARGE);
        length = 0;
    }
    memcpy(word, a->at, length);
    word[length] = '\0';
    a->at += length;
    a->word_count++;
    return word;
}

/* The index of a name, or name_count. */
static unsigned find_name(const struct assembler *a, const char *text)
{
    unsigned i = 0;
    while (i < a->name_count && strcmp(a->names[i].text, text) != 0)
        i++;
    return i;
}

static void define(struct assembler *a, const char *text, unsigned value)
{
    if (a->second_pass)
        return;
    if (find_name(a, text) < a->name_count || a->name_count == MAX_NAMES) {
        fail(&a->error, a->name_count == MAX_NAMES ? TOO_LARGE : DUPLICATE_NAME);
    } else {
        strcpy(a->names[a->name_count].text, text);
        a->names[a->name_count++].value = value;
    }
}

/* A number, a quoted character or a name. */
static int32_t evaluate(struct assembler *a, const char *word, bool may_be_unknown)
{
    char *end;
    if (word[0] == '\'' && word[1] != '\0' && word[2] == '\'' && word[3] == '\0')
        return (unsigned char)word[1];
    if (isdigit((unsigned char)word[0]) || word[0] == '-') {
        long long value = strtoll(word, &end, 0);
        if (*end == '\0' && value >= INT32_MIN && value <= INT32_MAX)
            return (int32_t)value;
        fail(&a->error, BAD_OPERAND);
    }
    unsigned i = find_name(a, word);
    if (i == a->name_count && !may_be_unknown)
        fail(&a->error, word[0] == '\0' ? BAD_OPERAND : UNKNOWN_NAME);
    return i < a->name_count ? (int32_t)a->names[i].value : 0;
}

static void assemble_op(struct assembler *a, enum op op)
{
    char word[WORD_SIZE];
    enum operand kind = ops[op].operand;
    emit(a, op);
    if (kind == NONE)
        return;
    int32_t value = evaluate(a, next_word(a, word), kind == ADDRESS && !a->second_pass);
    if (kind == VALUE) {
        emit_value(a, value);
        return;
    }
    if (value < 0 || value >= (kind == SLOT ? SLOTS : CODE_SIZE))
        fail(&a->error, BAD_OPERAND);
    emit(a, (unsigned)value & 255);
    if (kind == ADDRESS)
        emit(a, (unsigned)value >> 8 & 255);
}

/* "place:", ".text NAME CHARACTERS", ".zero NAME COUNT" or an instruction. */
static void assemble_word(struct assembler *a, char *word)
{
    size_t length = strlen(word);
    unsigned op = 0;
    if (word[length - 1] == ':') {
        word[length - 1] = '\0';
        define(a, word, a->program->code_size);
    } else if (strcmp(word, ".text") == 0) {
        define(a, next_word(a, word), a->program->data_size);
        next_word(a, word);
        for (size_t i = 0; i <= strlen(word); i++)
            emit_data(a, (unsigned char)word[i]);
    } else if (strcmp(word, ".zero") == 0) {
        define(a, next_word(a, word), a->program->data_size);
        for (int32_t n = evaluate(a, next_word(a, word), false); n > 0 && a->error == OK; n--)
            emit_data(a, 0);
    } else {
        while (op < OP_COUNT && strcmp(ops[op].name, word) != 0)
            op++;
        if (op < OP_COUNT)
            assemble_op(a, (enum op)op);
        else
            fail(&a->error, UNKNOWN_WORD);
    }
}

/* Two passes over the text. After an error, *where is the number of the offending word. */
static enum error assemble(const char *text, struct program *program, unsigned *where)
{
    struct assembler a = {.program = program};
    char word[WORD_SIZE];
    for (int pass = 0; pass < 2 && a.error == OK; pass++) {
        memset(program, 0, sizeof *program);
        a.second_pass = pass == 1;
        a.at = text;
        a.word_count = 0;
        while (a.error == OK && *next_word(&a, word) != '\0')
            assemble_word(&a, word);
    }
    *where = a.word_count;
    return a.error;
}

struct instruction { enum op op; int32_t operand; };

static bool fetch(const struct program *p, unsigned *pc, unsigned *byte)
{
    bool inside = *pc < p->code_size;
    *byte = inside ? p->code[(*pc)++] : 0;
    return inside;
}

static bool fetch_value(const struct program *p, unsigned *pc, int32_t *value)
{
    uint32_t bits = 0;
    unsigned byte, shift = 0;
    do {
        if (shift > 28 || !fetch(p, pc, &byte))
            return false;
        bits |= (uint32_t)(byte & 127) << shift;
        shift += 7;
    } while (byte & 128);
    if (byte & 64 && shift < 32)
        bits |= UINT32_MAX << shift;
    *value = to_signed(bits);
    return true;
}

static bool decode(const struct program *p, unsigned *pc, struct instruction *in)
{
    unsigned byte, high = 0;
    if (!fetch(p, pc, &byte) || byte >= OP_COUNT)
        return false;
    in->op = (enum op)byte;
    in->operand = 0;
    enum operand kind = ops[in->op].operand;
    if (kind == NONE)
        return true;
    if (kind == VALUE)
        return fetch_value(p, pc, &in->operand);
    bool ok = fetch(p, pc, &byte) && (kind == SLOT || fetch(p, pc, &high));
    in->operand = (int32_t)(high << 8 | byte);
    return ok && (kind == ADDRESS || byte < SLOTS);
}

struct machine {
    int32_t stack[STACK_SIZE], data[DATA_SIZE];
    struct frame { unsigned return_pc; int32_t slots[SLOTS]; } frames[CALL_DEPTH];
    char output[OUTPUT_SIZE];
    unsigned depth, frame, output_size, pc, steps;
    enum error error;
};

static void push(struct machine *m, int32_t value)
{
    if (m->depth < STACK_SIZE)
        m->stack[m->depth++] = value;
    else
        fail(&m->error, STACK_FULL);
}

static int32_t pop(struct machine *m)
{
    if (m->depth > 0)
        return m->stack[--m->depth];
    fail(&m->error, STACK_EMPTY);
    return 0;
}

static int32_t *cell(struct machine *m, int32_t address)
{
    if (address >= 0 && address < DATA_SIZE)
        return &m->data[address];
    fail(&m->error, BAD_ADDRESS);
    return &m->data[0];
}

static void print(struct machine *m, const char *format, int32_t value)
{
    size_t room = OUTPUT_SIZE - m->output_size;
    int n = snprintf(m->output + m->output_size, room, format, (int)value);
    if (n >= 0 && (size_t)n < room)
        m->output_size += (unsigned)n;
    else
        fail(&m->error, OUTPUT_FULL);
}

static int32_t binary(struct machine *m, enum op op, int32_t x, int32_t y)
{
    uint32_t a = (uint32_t)x, b = (uint32_t)y;
    switch (op) {
    case ADD: return to_signed(a + b);
    case SUB: return to_signed(a - b);
    case MUL: return to_signed(a * b);
    case DIV:
    case MOD:
        if (y == 0)
            fail(&m->error, DIVIDE_BY_ZERO);
        if (y == 0 || y == -1) /* INT32_MIN / -1 wraps */
            return op == DIV ? to_signed(-a) : 0;
        return op == DIV ? x / y : x % y;
    case AND: return to_signed(a & b);
    case OR: return to_signed(a | b);
    case XOR: return to_signed(a ^ b);
    case SHL: return to_signed(a << (b & 31));
    case SHR: return to_signed(a >> (b & 31));
    case EQ: return x == y;
    default: return x < y;
    }
}

static void call(struct machine *m, unsigned target)
{
    if (m->frame + 1 < CALL_DEPTH)
        m->frames[++m->frame] = (struct frame){.return_pc = m->pc};
    else
        fail(&m->error, CALLS_FULL);
    m->pc = target;
}

static void execute(struct machine *m, struct instruction in)
{
    int32_t *slots = m->frames[m->frame].slots;
    int32_t x, y;
    switch (in.op) {
    case PUSH: push(m, in.operand); break;
    case DUP: x = pop(m); push(m, x); push(m, x); break;
    case DROP: pop(m); break;
    case SWAP: y = pop(m); x = pop(m); push(m, y); push(m, x); break;
    case OVER: y = pop(m); x = pop(m); push(m, x); push(m, y); push(m, x); break;
    case NEG: push(m, to_signed(-(uint32_t)pop(m))); break;
    case JMP: m->pc = (unsigned)in.operand; break;
    case JZ: m->pc = pop(m) == 0 ? (unsigned)in.operand : m->pc; break;
    case CALL: call(m, (unsigned)in.operand); break;
    case RET:
        if (m->frame == 0)
            fail(&m->error, CALLS_EMPTY);
        else
            m->pc = m->frames[m->frame--].return_pc;
        break;
    case GET: push(m, slots[in.operand]); break;
    case SET: slots[in.operand] = pop(m); break;
    case LOAD: push(m, *cell(m, pop(m))); break;
    case STORE: x = pop(m); y = pop(m); *cell(m, x) = y; break; /* value, address -> */
    case OUTC: print(m, "%c", pop(m) & 127); break;
    case OUTN: print(m, "%d", pop(m)); break;
    default: y = pop(m); x = pop(m); push(m, binary(m, in.op, x, y));
    }
}

static enum error run(const struct program *p, struct machine *m, unsigned *steps)
{
    memset(m, 0, sizeof *m);
    memcpy(m->data, p->data, sizeof m->data);
    while (m->error == OK) {
        struct instruction in;
        if (++m->steps > MAX_STEPS)
            fail(&m->error, STEP_LIMIT);
        else if (!decode(p, &m->pc, &in))
            fail(&m->error, BAD_CODE);
        else if (in.op == HALT)
            break;
        else
            execute(m, in);
    }
    *steps = m->steps;
    return m->error;
}

static const struct test {
    const char *text, *output;
    enum error error;
    unsigned where; /* the word refused by the assembler, or the number of steps */
} tests[] = {
    {"push 0 set 0 ; Fibonacci numbers\n"
     "loop: get 0 call fib outn push 32 outc get 0 push 1 add dup set 0 push 15 lt jz end\n"
     "jmp loop  fib: set 0 get 0 push 2 lt jz more get 0 ret ; own slots\n"
     "more: get 0 push 1 sub call fib get 0 push 2 sub call fib add ret  end: halt",
     "0 1 1 2 3 5 8 13 21 34 55 89 144 233 377 ", OK, 35099},
    {".zero marks 60  push 2 set 0 ; sieve of Eratosthenes\n"
     "outer: get 0 push 60 lt jz end  get 0 push marks add load jz prime\n"
     "next: get 0 push 1 add set 0 jmp outer\n"
     "prime: get 0 outn push 32 outc  get 0 dup mul set 1\n"
     "inner: get 1 push 60 lt jz next  push 1 get 1 push marks add store  get 1 get 0 add set 1\n"
     "jmp inner  end: halt",
     "2 3 5 7 11 13 17 19 23 29 31 37 41 43 47 53 59 ", OK, 1779},
    {"push 1071 push 462 call gcd outn push ',' outc push 270000 push -192 neg call gcd outn halt\n"
     "gcd: dup jz done swap over mod jmp gcd  done: drop ret",
     "21,48", OK, 50},
    {".text word desserts  push word call length ; print a string backwards\n"
     "loop: dup jz end push 1 sub dup push word add load outc jmp loop  end: halt\n"
     "length: push 0  more: over over add load jz found push 1 add jmp more  found: swap drop ret",
     "stressed", OK, 158},
    {"push 27 set 0 push 0 set 1 ; length of a Collatz sequence\n"
     "loop: get 0 push 1 eq jz step get 1 outn halt\n"
     "step: get 1 push 1 add set 1  get 0 push 1 and jz even get 0 push 3 mul push 1 add set 0\n"
     "jmp loop  even: get 0 push 1 shr set 0 jmp loop",
     "111", OK, 1980},
    {".text a thequickbrownfox ; bubble sort\n"
     "scan: push a set 0 push 0 set 1\n"
     "pass: get 0 push 1 add load jz again  get 0 push 1 add load get 0 load over over lt jz skip\n"
     "get 0 push 1 add store get 0 store push 1 set 1 jmp step  skip: drop drop\n"
     "step: get 0 push 1 add set 0 jmp pass  again: get 1 jz sorted jmp scan\n"
     "sorted: push a set 0  show: get 0 load dup jz end outc get 0 push 1 add set 0 jmp show\n"
     "end: halt",
     "bcefhiknooqrtuwx", OK, 4285},
    {"push 2147483647 push 1 add dup call show dup push -1 div call show drop ; wrapping\n"
     "push 46341 dup mul call show push -7 push 2 div call show push -7 push 2 mod call show\n"
     "push -1 push 28 shr call show push 3 push 62 shl call show\n"
     "push 85 push 51 xor dup push -1 mod or push 128 or outn halt  show: outn push 32 outc ret",
     "-2147483648 -2147483648 -2147479015 -3 -1 15 -1073741824 230", OK, 69},
    {"push 1 frob", "", UNKNOWN_WORD, 3}, {"jmp a a: call nowhere", "", UNKNOWN_NAME, 5},
    {"push b b:", "", UNKNOWN_NAME, 2}, {"jmp", "", BAD_OPERAND, 2}, {"get 4", "", BAD_OPERAND, 2},
    {"push 12x", "", BAD_OPERAND, 2}, {"push 2147483648", "", BAD_OPERAND, 2},
    {"a: halt a: halt", "", DUPLICATE_NAME, 3}, {".zero big 129", "", TOO_LARGE, 3},
    {"push 100000000000000000000000", "", TOO_LARGE, 2}, {"push 1 add", "", STACK_EMPTY, 2},
    {"a: push 1 jmp a", "", STACK_FULL, 129}, {"a: call a", "", CALLS_FULL, 24},
    {"ret", "", CALLS_EMPTY, 1}, {"push 5 push -6 load", "", BAD_ADDRESS, 3},
    {"push 5 push 0 mod", "", DIVIDE_BY_ZERO, 3}, {"jmp 500", "", BAD_CODE, 2},
    {"push 'o' outc push 128 load", "o", BAD_ADDRESS, 4}, {"push 1", "", BAD_CODE, 2},
    {"a: jmp a", "", STEP_LIMIT, MAX_STEPS + 1}, {"jmp 4 push 29 halt", "", BAD_CODE, 2},
    {"a: push 12345678 outn jmp a",
     "12345678123456781234567812345678123456781234567812345678123456781234567", OUTPUT_FULL, 26},
};

static unsigned checks, failures;
static struct program program;
static struct machine machine;

static void check(bool ok, const char *what, const char *text)
{
    checks++;
    failures += !ok;
    if (!ok)
        printf("vm: FAILED %s of: %.60s\n", what, text);
}

static unsigned check_programs(void)
{
    unsigned total = 0;
    for (size_t i = 0; i < sizeof tests / sizeof *tests; i++) {
        const struct test *t = &tests[i];
        unsigned where;
        enum error error = assemble(t->text, &program, &where);
        machine.output[0] = '\0';
        if (error == OK)
            error = run(&program, &machine, &where);
        check(error == t->error, "error", t->text);
        check(where == t->where, "place or steps", t->text);
        check(strcmp(machine.output, t->output) == 0, "output", t->text);
        total += where;
    }
    return total;
}

static void check_values(void)
{
    static const struct { const char *text; uint8_t size, code[6]; } values[] = {
        {"push 0", 2, {PUSH, 0}}, {"push 63", 2, {PUSH, 63}}, {"push 64", 3, {PUSH, 192, 0}},
        {"push -1", 2, {PUSH, 127}}, {"push -64", 2, {PUSH, 64}}, {"push -65", 3, {PUSH, 191, 127}},
        {"call 500", 3, {CALL, 244, 1}}, {"push 2147483647", 6, {PUSH, 255, 255, 255, 255, 7}},
        {"push -2147483648", 6, {PUSH, 128, 128, 128, 128, 120}},
    };
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        struct instruction in;
        unsigned where, pc = 0;
        const char *text = values[i].text;
        check(assemble(text, &program, &where) == OK && program.code_size == values[i].size &&
              memcmp(program.code, values[i].code, values[i].size) == 0, "code", text);
        check(decode(&program, &pc, &in) && in.operand == strtoll(text + 5, NULL, 10) &&
              pc == program.code_size, "decoded value", text);
        program.code_size--;
        pc = 0;
        check(!decode(&program, &pc, &in), "end", text);
    }
}

int main(void)
{
    unsigned total = check_programs();
    check_values();
    if (failures > 0)
        return 1;
    printf("vm: %u checks, %u steps\n", checks, total);
    return 0;
}
