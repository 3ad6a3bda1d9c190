"""
Handwritten digits, with scikit-learn
=====================================

Tables of numbers become spikes, spikes become decisions, and scikit-learn's tools
work as ever: `TempotronClassifier` is an estimator. Six neurons per class learn
scikit-learn's 8 by 8 digits.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from tempotron_backends.plotting import STYLE, confusion_matrix, pattern_images
from tempotron_backends.sklearn import TempotronClassifier

plt.rcParams.update(STYLE)

# %%
# Every pixel is coded by a few overlapping fields, each of which spikes the earlier
# the closer the pixel is to its centre. Training minimises the cross-entropy of the
# classes' largest potentials.
digits = load_digits()
x_train, x_test, y_train, y_test = train_test_split(
    digits.data, digits.target, test_size=0.25, stratify=digits.target, random_state=0
)
classifier = TempotronClassifier(
    n_fields=5, neurons_per_class=6, epochs=15, random_state=0
).fit(x_train, y_train)

# %%
# Which digit was taken for which, on the quarter that was held out; and the mistakes
# themselves, the surest first.
predicted = classifier.predict(x_test)
surest = classifier.predict_proba(x_test).max(axis=1)
wrong = np.nonzero(predicted != y_test)[0]
wrong = wrong[np.argsort(-surest[wrong])][:12]

figure, (matrix, images) = plt.subplots(
    1, 2, figsize=(9.0, 4.8), layout="constrained", width_ratios=(1.2, 1)
)
accuracy = classifier.score(x_test, y_test)
confusion_matrix(
    matrix, (y_test, predicted), title=f"{accuracy:.1%} of {len(y_test)} right"
)
pattern_images(
    images,
    x_test[wrong].reshape(-1, 8, 8),
    captions=[f"{y_test[i]} as {predicted[i]}" for i in wrong],
    title="Mistakes",
)
matrix.set_title(
    matrix.get_title("left"), pad=18
)  # level with the other, above captions
for panel in (matrix, images):
    panel.set_anchor("N")
plt.show()

assert accuracy > 0.95
