"""Due work: claimed with a lease, paced by a budget, retried by one policy.

Only leases, budgets and `rejected_at` are written here. What a chore does belongs to its own
package.
"""
