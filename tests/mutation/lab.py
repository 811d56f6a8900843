"""Mutants of what the lectures show and ask: still pictures, exercises, quizzes."""

# ruff: noqa: E501  (a mutant a line)
from mutation.mutant import Mutant, mutants_of

MUTANTS: list[Mutant] = [
    *mutants_of(
        'aelab/stills/images.py',
        'tests/test_plotting_images.py',
        ('tiles transposed', '    n, channels, height, width = images.shape', '    images = images.swapaxes(2, 3)\n    n, channels, height, width = images.shape'),
        ('tiles filled column by column', 'top, left = (index // columns) * (height + gap), (index % columns) * (width + gap)', 'top, left = (index % rows) * (height + gap), (index // rows) * (width + gap)'),
        ('colours in another order', '.transpose(1, 2, 0), **options)', '.transpose(1, 2, 0)[..., [2, 1, 0, 3]], **options)'),
        ('colours not scaled', 'np.where(there, (sheet - low) / (high - low), 0)', 'np.where(there, sheet, 0)'),
        ('decoded grid upside down', 'torch.linspace(*y_side, steps).flip(0)', 'torch.linspace(*y_side, steps)'),
    ),
    *mutants_of(
        'aelab/stills/checks.py',
        'tests/test_plotting_images.py',
        ('a grid point at the edge of its cell', 'return low - half, high + half', 'return low, high'),
        ('0..255 images let through', 'array.max() > low + 10 * (high - low)', 'array.max() > low + 1000 * (high - low)'),
        ('bfloat16 not converted', 'tensor.detach().float().cpu().numpy().copy()', 'tensor.detach().cpu().numpy().copy()'),
    ),
    *mutants_of(
        'aelab/stills/checks.py',
        'tests/test_plotting.py',
        ("the caller's points drawn, not a copy", 'return array.astype(np.float64)', 'return np.asarray(array, np.float64)'),
    ),
    *mutants_of(
        'aelab/stills/plotting.py',
        'tests/test_plotting.py',
        ('lines without error bars', 'bars = ax.errorbar(x, y, yerr=error[0],', 'bars = ax.errorbar(x, y, yerr=0 * error[0],'),
        ('error bars left beside their points', 'for part in (*bars[1], *bars[2]):', 'for part in bars[1]:'),
        ('curves at half their height', '(curve,) = ax.plot(x, y, marker', '(curve,) = ax.plot(x, y / 2, marker'),
        ('density upside down', 'origin="lower"', 'origin="upper"'),
        ('x and y of codes exchanged', 'x, y = points[digits == digit].T', 'y, x = points[digits == digit].T'),
        ('labels above 9 let through', 'or digits.max() > 9', 'or digits.max() > 99'),
    ),
    *mutants_of(
        'aelab/stills/vectors.py',
        'tests/test_plotting.py',
        ('arrows turned round', '*start.T, *(end - start).T', '*end.T, *(start - end).T'),
        ('arrows of a length of their own', 'scale_units="xy", scale=1', 'scale_units="xy", scale=2'),
        ('each panel with its own axes', 'everything = np.vstack([dots, ', 'everything = np.vstack([dots[:0], '),
    ),
    *mutants_of(
        'aelab/stills/picture.py',
        'tests/test_picture.py',
        ("notebook's picture drawn dark", '    with style.light():\n        return _palette', '    with style.dark():\n        return _palette'),
        ('light and dark exchanged', '("light", style.light), ("dark", style.dark)', '("light", style.dark), ("dark", style.light)'),
        ("ground under the page's picture", 'transparent=True', 'transparent=False'),
        ('figures left open', '            pyplot.close(number)', '            pass'),
    ),
    *mutants_of(
        'aelab/stills/style.py',
        'tests/test_style.py',
        ('4 and 9 in one colour', 'DIGIT_HUES = (0, 0, 2, 3, 2, 5, 4, 3, 1, 4)', 'DIGIT_HUES = (0, 0, 2, 3, 4, 5, 4, 3, 1, 4)'),
        ('ink on white, not on raised paper', 'colours["surface"]: colours["raised"]', 'colours["surface"]: colours["surface"]'),
    ),
    *mutants_of(
        'aelab/stills/schemes.py',
        'tests/test_schemes.py',
        ('noise from outside that does not come in', '    _arrow(axes, (4.3, 1.82), (4.3, middle + 0.34))', '    pass'),
        ("another drawing's words", 'alt=WORDS[name]', 'alt=WORDS["vae"]'),
    ),
    *mutants_of(
        'aelab/stills/tables.py',
        'tests/test_tables.py',
        ('the mean for its spread', '± {_text(name, value[1], digits)}', '± {_text(name, value[0], digits)}'),
        ('the digits of the first column for all', 'zip(cells, places, strict=True)', 'zip(cells, places[:1] * len(names), strict=True)'),
        ('a header without words', 'if name else "<td></td>"', ''),
        ('markup in names taken as such', '<th scope="row">{escape(first)}</th>', '<th scope="row">{first}</th>'),
    ),
    *mutants_of(
        'aelab/exercises/verdict.py',
        'tests/lectures/test_exercises.py',
        ('changed arguments accepted', 'if not _equal(_copied(argument), copy):', 'if False:'),
        ('changed models accepted', 'argument = list(argument.state_dict().values())', 'argument = []'),
        ('asked with one set of numbers', 'second = _outcome(check, function, 1) if first else first', 'second = first'),
        ('the result taken for the function', '        if not callable(function):', '        if False:'),
        ("the caller's random state changed", '        with seeded(0, torch.device("cpu")):', '        if torch.default_generator.manual_seed(0):'),
        ('complex results taken', 'tensor.is_complex() or tensor.is_meta', 'tensor.is_meta'),
    ),
    *mutants_of(
        'aelab/exercises/verdict.py',
        'tests/lectures/test_exercises_01.py tests/lectures/test_exercises_02.py tests/lectures/test_exercises_04.py tests/lectures/test_exercises_05.py tests/lectures/test_exercises_06.py tests/lectures/test_exercises_07.py tests/lectures/test_exercises_08.py tests/lectures/test_exercises.py',
        ('tolerance of checks a hundred times wider', 'tolerance: float = 1e-4', 'tolerance: float = 1e-2'),
    ),
    *mutants_of(
        'aelab/exercises/sparsity.py',
        'tests/lectures/test_exercises.py',
        ('k of check_top_k always 2', '(2, 3)[case]', '(2, 2)[case]'),
    ),
    *mutants_of(
        'aelab/exercises/representation_learning.py',
        'tests/lectures/test_exercises.py tests/lectures/test_exercises_01.py',
        ('a negative taken for no copy', '(True, lambda x: 1 - x)', '(False, lambda x: 1 - x)'),
    ),
    *mutants_of(
        'aelab/exercises/compression.py',
        'tests/lectures/test_exercises_03.py',
        ("a codec's target not compared", 'if not other > loss + 1:', 'if not other > loss - 1:'),
    ),
    *mutants_of(
        'aelab/exercises/denoising.py',
        'tests/lectures/test_exercises_04.py',
        ('nan replaced by 0 accepted', 'if exact and not close(answer(function, noisy, data, 0.01), weighted(-distance.square() / (2 * 0.01**2))):', 'if exact and not tensor_answer(function, noisy, data, 0.01).isfinite().all():'),
    ),
    *mutants_of(
        'aelab/exercises/elbo.py',
        'tests/lectures/test_exercises_06.py',
        ('underflow of sixty variances accepted', 'if not close(many, 0.5 *', 'if False and not close(many, 0.5 *'),
    ),
    *mutants_of(
        'aelab/exercises/latent_space.py',
        'tests/lectures/test_exercises_08.py',
        ('gradient to the codebook accepted', 'if to_codebook is not None and to_codebook.any():', 'if False:'),
    ),
    *mutants_of(
        'aelab/exercises/reparameterization.py',
        'tests/lectures/test_exercises_07.py',
        ("a broken KL passes the detective's check", 'if accepted and not right:', 'if False:'),
    ),
    *mutants_of(
        'aelab/exercises/latent_variables.py',
        'tests/lectures/test_exercises.py',
        ('carriers of a share of 0.7 only', '(0.9, 0.7)[case]', '(0.9, 0.9)[case]'),
    ),
    *mutants_of(
        'aelab/quizzes/quiz.py',
        'tests/test_quiz_form.py',
        ('seal of the lower bits', '(256 * uniforms(salt, len(words))).astype(np.uint8)', '(255 * uniforms(salt, len(words))).astype(np.uint8)'),
        ('right option first on the page', 'key=lambda option: sha256((question["ask"] + option["say"]).encode()).digest()', 'key=lambda option: not option.get("right")'),
        ('fractions taken for places of options', '        if answer in range(len(shown["options"])):', '        if answer < len(shown["options"]):'),
        ('height of the first question', '        return max(heights) + 230', '        return heights[0] + 230'),
    ),
    *mutants_of(
        'aelab/quizzes/questions.py',
        'tests/test_quiz_form.py',
        ('two right options accepted', '    if right != 1:', '    if right < 1:'),
        ('wrong values within the tolerance accepted', 'if value - reach <= high and value + reach >= low:', 'if value == low == high:'),
    ),
    *mutants_of(
        'aelab/stills/fonts.py',
        'tests/test_fonts.py',
        ('thinnest weight in pictures', 'instantiateVariableFont(font, {"wght": 400}, inplace=True)', 'instantiateVariableFont(font, {"wght": 200}, inplace=True)'),
        ('font made at every start', '    if target.is_file():', '    if target.is_dir():'),
        ('pictures fail without the font', '    except (ImportError, OSError, RuntimeError):', '    except (OSError, RuntimeError):'),
    ),
    *mutants_of(
        'aelab/stills/style.py',
        'tests/test_fonts.py',
        ('a taken colour given again', 'if place >= len(HUES) or hue not in kept)', 'if place >= 0)'),
    ),
]  # fmt: skip
