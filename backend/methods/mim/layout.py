"""What the fused kernel is told: tables of integers that hold sizes or addresses, by their place in bytes.

Letters: t tokens in, s tokens kept, d width, n states, r rank of the step sizes; V, S, E are the whole vectors that
hold d, s + 1 and 2 n + r numbers. n is rounded up to whole groups of states. Matrices have their inputs as rows; every
row of every matrix takes ROW bytes, and what lies behind the real numbers is 0.
"""

from __future__ import annotations

GROUP = 8
"""States that the recurrence holds in registers."""

(
    TOKENS,  # t
    KEPT,  # s
    WIDTH,  # d
    VECTORS,  # V
    KEPT_VECTORS,  # S
    STATES,  # n
    RANK,  # r
    DRIVEN,  # E
    ROW,  # bytes of a row
    WALK,  # bytes of a token in the first scale's table: decays (V, n), step * u (V), D u (V), B and C (2 n)
    TANH,  # whether the activation is tanh
    MASKED,  # whether tokens decay
    NOTHING,  # (d) of 0
    REAL,  # (d) of 1, and 0 behind
    LOWEST,  # (d) of 0, and the lowest number behind
    # The half scans; the norm's weights are in them.
    SCAN,  # (d, d)
    SCAN_BIAS,  # (d)
    DRIVE,  # (d, 2 n + r): B, C, step sizes of low rank
    STEPS,  # (r, d)
    STEPS_BIAS,  # (d)
    RATES,  # (V, n) vectors: A times log2(e)
    SKIP,  # (d): D
    # The token learner.
    LEARNER,  # 3: weights of the largest and of the mean feature, bias
    SCORES,  # (d, s + 1): U1 times log2(e), and 1 / d for the mean feature
    JOINED,  # (d, d): the learner's values, then the map at the end
    DECAY,  # (t): by place
    SLACK,  # (t) of what is added to a square before its root, and 0 behind
    # What goes beside the scan, and the token fuser.
    GATE,  # (d, d)
    GATE_BIAS,  # (d)
    FUSER,  # 3, as LEARNER
    WEIGHTS,  # (d, s + 1): as SCORES with the mean feature
    WEIGHTS_BIAS,  # (s)
    MIXING,  # (s, s)
    OUT,  # (d, d)
    RESIDUAL,  # (d, d)
    BASE_BIAS,  # (d): of both
    # The end of the scale.
    NORM,  # (d)
    NORM_BIAS,  # (d)
    SHARES,  # (4): of the scan types in the scale's feature, divided by s
    # Where things are found: integers of 8 bytes.
    POOLS,  # (s, 2): the first token of every pool, in rows, and how many it has
    POOL_SHARES,  # (s): 1 / how many; a number each
    ROW_ORDER,  # (t): 0, ROW, 2 ROW ..: for tokens that lie in their order
    ORDER,  # (t): 0, 4, 8 ..
    FIELDS,
) = range(0, 8 * 44, 8)

# Working memory: places in a table of addresses.
(
    NORMAL,  # (t, d): tokens after the norm
    INNER,  # what maps make on the way
    OTHER,
    THIRD,
    SCANNED,  # (t, d): what it makes
    ATTENTION,  # (t, s + 1)
    SEMANTIC,  # (s, d)
    MIXED,  # (s, s): in which shares the fuser mixes the semantic tokens
    BASE,  # (s, d): what is added to them
    POOLED,  # (s, d): means of tokens after the norm
    POOLED_TOKENS,  # (s, d): and of tokens as they were
    TOKENS_IN,  # (4, t, d)
    TOKENS_OUT,  # (4, s, d)
    PATCH_LIKE,  # (t): likeness of the patch's pixels to its centre
    LIKE,  # (t): the same of a later scale's tokens
    LEFT,  # (t): how much of each token is left
    FIRST,  # (t): numbers of the tokens
    SECOND,
    SUM,  # (d): of the features of all scales
    PIXELS,  # the table: features (pixels, d)
    PIXELS_NORMAL,  # the same after the norm
    PIXELS_WALKS,  # (pixels, WALK bytes)
    SHAPES_MIXED,  # (shapes, pixels, s): as MIXED, of every pool that begins at a pixel
    SHAPES_BASE,  # (shapes, pixels, d): as BASE
    BUFFERS,
) = range(0, 8 * 25, 8)

# How patches are read: places in a table of sizes and addresses.
(
    PATCH,  # p
    STRIDE,  # pixels in a row of the table
    HEIGHT,  # rows of the table
    SHAPES,  # how many forms pools have
    PATCH_PIXELS,  # (t): where the table has the patch's pixels, row by row, in rows
    TYPE_ORDER,  # (4, t): where LIKE has the tokens of the scan types
    TYPE_WALKS,  # (4, t): where the table has them, from the patch's first pixel
    TYPE_POOLS,  # (4, s): where SHAPES_MIXED and SHAPES_BASE have the pools, from there too
    SHAPE_SIZES,  # (shapes, 3): rows, columns, pixels
    SHAPE_SHARES,  # (shapes): 1 / pixels; a number each
    SHAPE_PIXELS,  # (shapes, t): their pixels, from the first one
    TABLES,
) = range(0, 8 * 12, 8)
